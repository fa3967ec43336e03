"""One pass through the discriminator gives what two give."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline import networks
from pipeline.config import TrainConfig
from pipeline.networks import ModelSpec
from pipeline.train import shared_pass
from pipeline.train.losses import LOSSES
from pipeline.train.step import GradientStep

BATCH = 6


def spec(**changes):
  values = {'network': 'digits', 'latent_size': 4, 'image_shape': (8, 8, 1)}
  values |= {'num_classes': 3, 'class_names': tuple('abc'), 'conditioning': 'per_class'}
  return ModelSpec(**values | changes)


@pytest.fixture(scope='module')
def pair():
  tf.random.set_seed(0)
  return networks.build(spec())


def gradients(pair, shares, **settings):
  """Of both networks, flat: float32."""
  config = TrainConfig(latent_size=4, batch_size=BATCH, **settings)
  step = GradientStep(pair, config, (None, None))
  assert step._shares_passes
  step.__dict__['_shares_passes'] = shares
  pixels = tf.random.stateless_uniform([BATCH, 8, 8, 1], [1, 2], 0, 256, tf.int32)
  labels = tf.range(BATCH) % 3
  found = step(tf.cast(pixels, tf.uint8), labels, tf.constant(0, tf.int64), 0, tf.constant(1.0))
  return [np.concatenate([g.numpy().ravel() for g in each]) for each in found[:2]]


def assert_same_either_way(pair, **settings):
  for shared, separate in zip(
    gradients(pair, True, **settings), gradients(pair, False, **settings), strict=True
  ):
    assert np.abs(separate).max() > 1e-4
    np.testing.assert_allclose(shared, separate, rtol=1e-3, atol=2e-6 * np.abs(separate).max())


@pytest.mark.parametrize('loss', sorted(LOSSES))
def test_every_loss(pair, loss):
  assert_same_either_way(pair, loss=loss)


@pytest.mark.parametrize(
  'settings',
  [
    {'r1_gamma': 3.0, 'mismatch_weight': 0.5},
    {'dragan_weight': 2.0, 'r1_gamma': 0.0},
    {'diversity_weight': 2.0, 'consistency_weight': 3.0},
    {'augment': 'diffaugment', 'instance_noise': 0.3},
  ],
  ids=lambda settings: ','.join(settings),
)
def test_what_is_added(pair, settings):
  assert_same_either_way(pair, **settings)


def test_a_discriminator_whose_loss_is_flat_still_teaches_the_generator():
  sure = networks.build(spec(conditioning='none', num_classes=0, class_names=()))
  *_, bias = sure.discriminator.trainable_variables
  bias.assign([-9.0])  # every image is surely generated: the hinge has no slope there
  assert_same_either_way(sure, loss='hinge', r1_gamma=0.0)


@pytest.mark.parametrize(
  ('changes', 'settings', 'is_exact'),
  [
    ({}, {}, True),
    ({'network': 'dcgan', 'conditioning': 'projection'}, {}, True),
    ({}, {'r1_gamma': 1.0, 'dragan_weight': 1.0}, True),
    ({}, {'r2_gamma': 1.0}, False),
    ({}, {'wgan_gp_weight': 10.0}, False),
    ({'conditioning': 'auxiliary'}, {'conditioning': 'auxiliary'}, False),
    ({'minibatch': 'stddev'}, {}, False),
    ({'minibatch': 'discrimination'}, {}, False),
    ({'network': 'dcgan64', 'image_shape': (64, 64, 1), 'conditioning': 'embedding'}, {}, False),
  ],
)
def test_where_images_mix_or_the_penalties_see_generated_ones_there_are_two_passes(
  changes, settings, is_exact
):
  assert shared_pass.is_exact(networks.build(spec(**changes)), TrainConfig(**settings)) == is_exact
