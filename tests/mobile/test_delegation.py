"""What XNNPACK leaves out is found by name."""

import pathlib

import numpy as np
import pytest
import tf_keras

from mobile import convert, delegation, flatbuffer
from pipeline import networks
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers


def calibration(latent_size: int, num_classes: int) -> convert.Calibration:
  latents = np.random.default_rng(0).standard_normal([4, latent_size]).astype(np.float32)
  return convert.Calibration(latents, np.arange(4) % num_classes if num_classes else None)


def info(num_classes: int, image_shape: tuple[int, int, int]) -> convert.GanInfo:
  return convert.GanInfo(
    latent_size=8,
    num_classes=num_classes,
    class_names=tuple(map(str, range(num_classes))),
    image_shape=image_shape,
    version='0',
    golden_digest='0',
  )


@pytest.mark.parametrize('name', convert.FILES.values())
def test_every_file_of_the_default_network_is_one_piece(bundle: pathlib.Path, name: str):
  assert delegation.problems((bundle / name).read_bytes()) == []


def test_an_operation_that_it_can_not_compute_is_named():
  inputs = tf_keras.Input([8])
  x = L.UpSampling2D()(L.Reshape([4, 4, 1])(L.Dense(16)(inputs)))
  images = L.Activation('tanh')(L.Conv2D(1, 3, padding='same')(x))
  generator = tf_keras.Model([inputs], images)
  with pytest.raises(convert.ConversionError, match='XNNPACK can not compute RESIZE_NEAREST') as e:
    convert.convert('int8', generator, calibration(8, 0), info(0, (8, 8, 1)))
  assert '\n' not in str(e.value)


def test_a_look_up_between_its_operations_makes_two_pieces(bundle: pathlib.Path):
  model = flatbuffer.parse((bundle / 'generator.tflite').read_bytes())
  look_up, quantise, *others = model.subgraphs[0].operators
  model.subgraphs[0].operators = [quantise, look_up, *others]
  assert delegation.problems(flatbuffer.pack(model)) == [
    'XNNPACK computes it in 2 pieces, not in one'
  ]


@pytest.mark.slow
@pytest.mark.parametrize(
  ('network', 'num_classes', 'image_shape', 'upsampling'),
  [
    ('residual', 3, (28, 28, 1), 'antialiased'),
    ('residual', 3, (32, 32, 3), 'depth_to_space'),
    ('mlp', 3, (28, 28, 1), 'depth_to_space'),
    ('dcgan', 3, (28, 28, 1), 'depth_to_space'),
    ('dcgan_deconv4', 0, (28, 28, 1), 'depth_to_space'),
  ],
)
def test_every_network_can_be_exported(
  network: str, num_classes: int, image_shape: tuple[int, int, int], upsampling: str
):
  spec = ModelSpec(
    network=network,
    latent_size=8,
    num_classes=num_classes,
    class_names=tuple(map(str, range(num_classes))),
    image_shape=image_shape,
    upsampling=upsampling,
  )
  generator = networks.build_generator(spec)
  samples = calibration(8, num_classes)
  for kind in ('int8', 'f16'):
    convert.convert(kind, generator, samples, info(num_classes, image_shape))
