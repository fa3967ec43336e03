"""Networks with and without what can be folded, before and after."""

import numpy as np
import pytest
import tf_keras

from mobile import folding
from pipeline.networks import ModelSpec, build_generator
from tests.mobile.lively import lively

L = tf_keras.layers


@pytest.mark.parametrize('network', ['digits', 'dcgan', 'dcgan_bn', 'mlp', 'residual'])
def test_makes_the_same_pictures_without_batch_normalisation(network: str):
  spec = ModelSpec(
    network=network, latent_size=6, num_classes=2, class_names=('a', 'b'), image_shape=(8, 8, 1)
  )
  inputs = [np.random.default_rng(0).standard_normal([16, 6], np.float32), np.arange(16) % 2]
  generator = lively(build_generator(spec), *inputs)
  folded = folding.folded(generator)
  np.testing.assert_allclose(folded(inputs), generator(inputs, training=False), atol=1e-5)
  norms = [layer for layer in folded.layers if isinstance(layer, L.BatchNormalization)]
  assert len(norms) == (3 if network == 'residual' else 0)  # those behind no linear layer


def test_quicker_layers_become_those_of_keras():
  spec = ModelSpec(
    network='dcgan', latent_size=6, num_classes=0, class_names=(), image_shape=(8, 8, 1)
  )
  kinds = {type(layer) for layer in folding.folded(build_generator(spec)).layers}
  assert L.Conv2DTranspose in kinds
  assert all(kind.__module__.startswith('tf_keras.') for kind in kinds)
