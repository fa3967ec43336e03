"""The networks of the recipes, layer by layer as the recipes' table has them."""

import pytest

from pipeline import networks
from pipeline.networks import ModelSpec

TABLE = {
  'mlp': (
    'Dense 128 relu -> Dense 784 -> x 0.5 + 0 -> tanh',  # the sigmoid of x, in [-1, 1]
    'x 0.5 + 0.5 -> Dense 128 -> ReLU -> Dense 1',
  ),
  'dcgan': (
    'Dense 12544 no bias -> BN 0.99 -> LReLU 0.3'
    ' -> ConvT 128 k5 s1 no bias -> BN 0.99 -> LReLU 0.3'
    ' -> ConvT 64 k5 s2 no bias -> BN 0.99 -> LReLU 0.3'
    ' -> ConvT 1 k5 s2 no bias -> tanh',
    'Conv 64 k5 s2 -> LReLU 0.3 -> Dropout 0.3'
    ' -> Conv 128 k5 s2 -> LReLU 0.3 -> Dropout 0.3 -> Dense 1',
  ),
  'dcgan64': (
    'ConvT 1024 k4 s1 valid no bias -> BN 0.99 -> ReLU'
    ' -> ConvT 512 k4 s2 no bias -> BN 0.99 -> ReLU'
    ' -> ConvT 256 k4 s2 no bias -> BN 0.99 -> ReLU'
    ' -> ConvT 128 k4 s2 no bias -> BN 0.99 -> ReLU'
    ' -> ConvT 1 k4 s2 no bias -> tanh',
    'Conv 64 k4 s2 no bias -> LReLU 0.2'
    ' -> Conv 128 k4 s2 no bias -> BN 0.99 -> LReLU 0.2'
    ' -> Conv 256 k4 s2 no bias -> BN 0.99 -> LReLU 0.2'
    ' -> Conv 512 k4 s2 no bias -> BN 0.99 -> LReLU 0.2'
    ' -> Dense 1',  # of a map of 4x4: the table's Conv 1 k4 valid
  ),
  'dcgan_deconv4': (
    'Dense 6272 -> LReLU 0.2 -> ConvT 128 k4 s2 -> LReLU 0.2 -> ConvT 128 k4 s2 -> LReLU 0.2'
    ' -> Conv 1 k7 s1 -> tanh',
    'x 0.5 + 0.5 -> Conv 64 k3 s2 -> LReLU 0.2 -> Dropout 0.4'
    ' -> Conv 64 k3 s2 -> LReLU 0.2 -> Dropout 0.4 -> Dense 1',
  ),
  'dcgan_bn': (
    'Dense 12544 -> BN 0.8 -> LReLU 0.3 -> ConvT 128 k4 s2 -> BN 0.8 -> LReLU 0.3'
    ' -> ConvT 1 k7 s2 -> tanh',
    'Conv 64 k4 s2 -> LReLU 0.3 -> Dropout 0.3'
    ' -> Conv 128 k4 s2 -> LReLU 0.3 -> Dropout 0.3 -> Dense 1',
  ),
}


def told(layer):
  """A layer as the table writes it; nothing for those that only rearrange."""
  settings, kind = layer.get_config(), type(layer).__name__
  bias = '' if settings.get('use_bias', True) else ' no bias'
  if kind == 'Dense':
    activation = f' {settings["activation"]}'.replace(' linear', '')
    return f'Dense {settings["units"]}{activation}{bias}'
  if kind in ('Conv2D', 'Conv2DTranspose'):
    name = kind.replace('2DTranspose', 'T').removesuffix('2D')
    padding = f' {settings["padding"]}'.replace(' same', '')
    size, stride = settings['kernel_size'], settings['strides']
    assert len(set(size)) == len(set(stride)) == 1
    return f'{name} {settings["filters"]} k{size[0]} s{stride[0]}{padding}{bias}'
  return {
    'BatchNormalization': 'BN {momentum:g}',
    'LeakyReLU': 'LReLU {alpha:g}',
    'ReLU': 'ReLU',
    'Dropout': 'Dropout {rate:g}',
    'Rescaling': 'x {scale:g} + {offset:g}',
    'Activation': '{activation}',
  }.get(kind, '').format(**settings)


@pytest.mark.parametrize('network', TABLE)
def test_layers_are_those_of_the_table(network):
  spec = ModelSpec(
    network=network,
    latent_size=100,
    num_classes=0,
    class_names=(),
    image_shape=(64, 64, 1) if network == 'dcgan64' else (28, 28, 1),
  )
  pair = networks.build(spec)
  body, head = (pair.discriminator.get_layer(name) for name in ('body', 'head'))
  found = (pair.generator.layers, [*body.layers, *head.layers])
  for layers, expected in zip(found, TABLE[network], strict=True):
    assert ' -> '.join(filter(None, map(told, layers))) == expected
