"""The loop: who learns when, from which batches, and what follows an update."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec, spectral
from pipeline.train import stream
from pipeline.train.loop import TrainLoop
from pipeline.train.state import TrainState

SPEC = ModelSpec(network='mlp', latent_size=4, num_classes=0, class_names=(), image_shape=(8, 8, 1))
PIXELS = np.random.default_rng(0).integers(0, 256, [64, 8, 8, 1], np.uint8)
LABELS = np.zeros([64], np.int64)


def trained(steps, spec=SPEC, strategy=None, state=None, **settings):
  """State after some steps (from `state`, or from nothing), and their mean metrics."""
  values = {'batch_size': 8, 'latent_size': 4, 'train_steps': 100, 'network': spec.network}
  values |= {'r1_gamma': 0.0, 'learning_rate_decay': 'none', 'deterministic': True}
  config = TrainConfig(**values | settings)
  strategy = strategy or tf.distribute.get_strategy()
  with strategy.scope():
    state = state or TrainState.create(spec, config, 'float32')
  batches = stream.training_batches(PIXELS, LABELS, config.batch_size, 0, first_step=0)
  before = [v.numpy() for v in state.pair.generator.trainable_variables]
  loop = TrainLoop(state, config, strategy, xla=False)
  iterator = iter(strategy.experimental_distribute_dataset(batches))
  metrics = loop.run(iterator, tf.constant(steps, tf.int64)).means
  return state, metrics, before, next(iterator)


def updates(state):
  optimizers = state.generator_optimizer, state.discriminator_optimizer
  return [int(tf.convert_to_tensor(o.iterations)) for o in optimizers]


@pytest.mark.parametrize(
  ('settings', 'expected', 'batches'),
  [
    ({}, [3, 3], 3),
    ({'discriminator_updates': 5}, [3, 15], 15),
    ({'generator_updates': 2}, [6, 3], 6),
    ({'generator_updates': 2, 'discriminator_updates': 3}, [6, 9], 12),
    ({'accumulate_batches': 4}, [3, 3], 12),
    ({'discriminator_warmup_steps': 2}, [1, 3], 3),
    ({'discriminator_warmup_steps': 2, 'generator_updates': 2}, [2, 3], 6),
  ],
)
def test_each_network_learns_as_often_as_asked_from_batches_of_its_own(settings, expected, batches):
  state, _, _, following = trained(3, **settings)
  assert updates(state) == expected
  assert state.steps_done == 3
  positions = stream.batch_indices(tf.constant(batches, tf.int64), 8, 64, 0)
  np.testing.assert_array_equal(following[0], PIXELS[positions])


@pytest.mark.parametrize(
  'settings',
  [{}, {'generator_updates': 2, 'discriminator_updates': 3}, {'discriminator_warmup_steps': 2}],
)
def test_learning_rates_follow_the_steps_whatever_the_updates(settings):
  state, *_ = trained(3, learning_rate_decay='cosine', train_steps=4, **settings)
  third = 5e-4 * (1 + np.cos(np.pi / 2)) / 2  # the first is step 0
  for network in ('generator', 'discriminator'):
    assert state.learning_rate(network) == pytest.approx(third, rel=1e-5)


def test_a_warm_up_leaves_the_generator_alone():
  state, metrics, before, _ = trained(4, discriminator_warmup_steps=10)
  for now, then in zip(state.pair.generator.trainable_variables, before, strict=True):
    np.testing.assert_array_equal(now, then)
  assert np.isfinite(metrics['generator_loss'])


def first_move(**settings):
  """How far the discriminator's weights went in one step of gradient descent, float32 [W]."""
  state, *_ = trained(0, **settings)
  before = state.pair.discriminator.get_weights()
  descent = tf_keras.optimizers.SGD(1.0)
  trained(1, state=dataclasses.replace(state, discriminator_optimizer=descent), **settings)
  moves = [a - b for a, b in zip(state.pair.discriminator.get_weights(), before, strict=True)]
  return np.concatenate([move.ravel() for move in moves])


def test_accumulated_gradients_are_those_of_one_large_batch():
  # All 64 images either way; the latents are others, so the moves are only nearly equal.
  at_once, in_parts = first_move(batch_size=64), first_move(batch_size=8, accumulate_batches=8)
  lengths = np.linalg.norm(at_once), np.linalg.norm(in_parts)
  assert lengths[1] == pytest.approx(lengths[0], rel=0.2)
  assert at_once @ in_parts > 0.9 * lengths[0] * lengths[1]


@pytest.mark.parametrize(
  'settings', [{'generator_updates': 2}, {'discriminator_updates': 2}, {'accumulate_batches': 2}]
)
def test_a_lazy_penalty_comes_to_the_discriminator_whatever_the_updates(settings):
  _, metrics, *_ = trained(4, r1_gamma=1.0, penalty_every_steps=2, **settings)
  assert float(metrics['r1_penalty']) > 0


@pytest.mark.parametrize('minibatch', ['stddev', 'discrimination'])
def test_what_a_discriminator_sees_of_its_batches_follows_training(minibatch):
  spec = dataclasses.replace(SPEC, minibatch=minibatch)
  means = []
  for steps in (1, 2):
    state, metrics, *_ = trained(steps, spec, r1_gamma=1.0, penalty_every_steps=2)
    assert float(metrics['r1_penalty']) > 0
    [mean] = state.pair.discriminator.non_trainable_weights
    means.append(mean.numpy())
  assert (means[0] > 0).all()
  assert (means[1] > means[0]).all()


def test_weights_are_clipped_after_the_update():
  state, *_ = trained(3, loss='wasserstein', clip_weights=0.01)
  weights = [v.numpy() for v in state.pair.discriminator.trainable_variables]
  assert max(np.abs(w).max() for w in weights) == np.float32(0.01)
  assert max(np.abs(v).max() for v in state.pair.generator.get_weights()) > 0.02


@pytest.mark.parametrize(('setting', 'bound'), [('clip_value', 1e-9), ('clip_norm', 1e-9)])
def test_clipping_bounds_the_gradients_of_the_networks_named(setting, bound):
  settings = {'optimizer': 'adam', 'adam_beta2': 0.0, setting: bound}
  settings |= {'clip_networks': 'discriminator'}
  initial = TrainState.create(SPEC, TrainConfig(latent_size=4, network='mlp'), 'float32')
  state, _, before, _ = trained(1, **settings)
  # Adam moves by rate * g / (|g| + 1e-8): far less than its rate for gradients this small.
  moved = [
    np.abs(a.numpy() - b.numpy()).max()
    for a, b in zip(
      state.pair.discriminator.trainable_variables,
      initial.pair.discriminator.trainable_variables,
      strict=True,
    )
  ]
  assert max(moved) < 5e-4 * 0.11
  free = [
    np.abs(a.numpy() - b).max()
    for a, b in zip(state.pair.generator.trainable_variables, before, strict=True)
  ]
  assert max(free) > 5e-4 * 0.9


def test_spectral_normalisation_iterates_with_each_update_of_the_discriminator():
  spec = ModelSpec(
    network='mlp',
    latent_size=4,
    num_classes=0,
    class_names=(),
    image_shape=(8, 8, 1),
    spectral_norm=True,
  )
  settings = {'spectral_norm': True, 'discriminator_learning_rate': 1e-30}
  config = TrainConfig(latent_size=4, network='mlp', spectral_norm=True)
  expected = TrainState.create(spec, config, 'float32')
  layers = spectral.layers(expected.pair.discriminator)
  for _ in range(3 * 2):
    for layer in layers:
      layer.iterate()
  settings |= {'discriminator_updates': 2, 'discriminator_warmup_steps': 2, 'generator_updates': 2}
  state, *_ = trained(3, spec, **settings)
  found = spectral.layers(state.pair.discriminator)
  assert len(found) == len(layers) == 2
  for layer, wanted in zip(found, layers, strict=True):
    np.testing.assert_allclose(layer.u, wanted.u, atol=1e-5)


def outcome(state, config, steps):
  """What the loop tells of some steps, and which of the checked values were not finite."""
  batches = stream.training_batches(PIXELS, LABELS, config.batch_size, 0, first_step=0)
  loop = TrainLoop(state, config, tf.distribute.get_strategy(), xla=False)
  found = loop.run(iter(batches), tf.constant(steps, tf.int64))
  assert len(found.bad) == len(loop.health_names)
  bad = [name for name, is_bad in zip(loop.health_names, found.bad, strict=True) if is_bad]
  return int(found.first_bad), bad


def test_weights_that_the_last_update_broke_are_told_of():
  rates = {'discriminator_learning_rate': 3e38, 'optimizer': 'rmsprop'}  # of finite gradients
  config = TrainConfig(latent_size=4, batch_size=8, network='mlp', r1_gamma=0.0, **rates)
  state = TrainState.create(SPEC, config, 'float32')
  first_bad, bad = outcome(state, config, 1)
  assert first_bad == 0
  weights = state.pair.discriminator.trainable_variables
  assert bad == [f'the weight {w.name}' for w in weights if not np.isfinite(w).all()]


def test_gradients_that_overflow_at_the_smallest_loss_scale_are_told_of():
  config = TrainConfig(latent_size=4, batch_size=8, network='mlp', r1_gamma=0.0)
  config = dataclasses.replace(config, loss='least_squares')
  state = TrainState.create(SPEC, config, 'mixed_float16')
  scale = int(np.log2(state.discriminator_optimizer.loss_scale))  # halved by each step skipped
  weights = state.pair.discriminator.get_weights()
  # Logits of about 20,000, which float16 holds; their slope times the last kernel it does not.
  sizes = {(64, 128): 0.01, (128, 1): 500.0}
  steep = [np.full_like(weight, sizes.get(weight.shape, 0.0)) for weight in weights]
  state.pair.discriminator.set_weights(steep)
  assert outcome(state, config, scale) == (-1, [])
  first_bad, bad = outcome(state, config, 2)
  assert first_bad == 0
  assert bad
  assert all(name.startswith('the gradient of') for name in bad)
  for weight, before in zip(state.pair.discriminator.get_weights(), steep, strict=True):
    np.testing.assert_array_equal(weight, before)


def test_the_adaptive_probability_is_part_of_the_state():
  settings = {'augment': 'ada', 'ada_ramp_images': 8000, 'ada_target': -1.0}
  settings |= {'discriminator_learning_rate': 0.05, 'loss': 'minimax'}
  state, *_ = trained(20, **settings)
  assert 0 < float(state.augment_probability) <= 20 * 8 / 8000
  always, *_ = trained(1, augment='diffaugment')
  assert float(always.augment_probability) == 1


def test_the_adaptive_probability_waits_for_the_generator():
  settings = {'augment': 'ada', 'ada_ramp_images': 8000, 'ada_target': -1.0}
  settings |= {'discriminator_learning_rate': 0.05, 'loss': 'minimax'}
  state, *_ = trained(20, discriminator_warmup_steps=19, **settings)
  np.testing.assert_allclose(float(state.augment_probability), 8 / 8000, rtol=1e-5)


def test_a_mirrored_pair_takes_every_kind_of_update():
  cpu = tf.config.list_logical_devices('CPU')
  strategy = tf.distribute.MirroredStrategy([cpu[0].name])
  settings = {'discriminator_updates': 2, 'accumulate_batches': 2, 'clip_weights': 0.1}
  settings |= {'loss': 'wasserstein', 'dropout': 0.2}
  state, metrics, *_ = trained(2, strategy=strategy, **settings)
  assert updates(state) == [2, 4]
  assert all(np.isfinite(value) for value in metrics.values())
