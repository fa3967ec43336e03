"""A step that XLA compiled computes what the same step does without: every term, together."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline import networks
from pipeline.config.train import TrainConfig
from pipeline.dataset import DatasetInfo
from pipeline.train import random
from pipeline.train.spec import model_spec
from pipeline.train.step import GradientStep

BATCH = 8
INFO = DatasetInfo(
  name='pictures',
  image_shape=(16, 16, 3),
  num_classes=3,
  class_names=('a', 'b', 'c'),
  splits={},
  quarantined=0,
  source={},
)
# Between them, every way of using labels, penalty and other term.
SETTINGS = {
  'digits': {
    'r1_gamma': 1.0,
    'r2_gamma': 1.0,
    'mismatch_weight': 0.1,
    'minibatch': 'stddev',
    'augment': 'ada',
    'penalty_every_steps': 4,
  },
  'residual': {
    'loss': 'relativistic',
    'conditioning': 'projection',
    'spectral_norm': True,
    'upsampling': 'antialiased',
    'r1_gamma': 0.0,
    'wgan_gp_weight': 10.0,
    'diversity_weight': 1.0,
  },
  'mlp': {
    'loss': 'non_saturating',
    'label_smoothing': 0.1,
    'conditioning': 'embedding',
    'r1_gamma': 0.0,
    'dragan_weight': 10.0,
    'consistency_weight': 1.0,
    'instance_noise': 0.1,
  },
  'dcgan': {
    'loss': 'relativistic_average',
    'conditioning': 'auxiliary',
    'minibatch': 'discrimination',
    'dropout': 0.3,
    'augment': 'diffaugment',
    'seed': 2,  # with 0 a unit of the first convolution gets 3e-7, of either sign by rounding
  },
}


@pytest.fixture(autouse=True)
def same_draws(monkeypatch):
  """Draws the same numbers either way: XLA makes other floats of the same random bits."""
  integers = random.uniform

  def uniform(shape, key, low=0, high=1, dtype=tf.float32):
    if dtype != tf.float32:
      return integers(shape, key, low, high, dtype)
    return (
      low + (high - low) * tf.cast(integers(shape, key, 0, 2**20, tf.int32), tf.float32) / 2**20
    )

  monkeypatch.setattr(random, 'uniform', uniform)
  monkeypatch.setattr(random, 'normal', lambda shape, key: uniform(shape, key, -1.7, 1.7))


def step(network, jit, settings):
  """Gradients and metrics of networks made anew, which start the same."""
  config = TrainConfig(network=network, latent_size=8, batch_size=BATCH, **settings)
  tf_keras.utils.set_random_seed(0)
  pair = networks.build(model_spec(config, INFO))
  compute = tf.function(
    GradientStep(pair, config, (None, None)), jit_compile=jit or None, autograph=False
  )
  pixels = tf.random.stateless_uniform([BATCH, 16, 16, 3], [1, 2], 0, 256, tf.int32)
  labels = tf.range(BATCH) % 3
  return compute(tf.cast(pixels, tf.uint8), labels, tf.constant(16, tf.int64), 0, tf.constant(0.7))


@pytest.mark.slow
@pytest.mark.parametrize('network', SETTINGS)
def test_xla_computes_the_same_step(network):
  plain, compiled = (step(network, jit, SETTINGS[network]) for jit in (False, True))
  assert plain[2].keys() == compiled[2].keys()
  for name, value in plain[2].items():
    np.testing.assert_allclose(compiled[2][name], value, rtol=1e-3, atol=1e-4, err_msg=name)
  for wanted, found in zip(plain[0] + plain[1], compiled[0] + compiled[1], strict=True):
    # As a whole: where a ReLU's input is 0 but for rounding, single elements jump.
    assert np.linalg.norm(found - wanted) < 1e-2 * np.linalg.norm(wanted) + 1e-5
