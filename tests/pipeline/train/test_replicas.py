"""Two replicas in one process, against the same batches one after the other on one device.

TensorFlow splits a CPU only before it starts, so this has a process of its own.
"""

import dataclasses
import multiprocessing

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec
from pipeline.train import devices
from pipeline.train.loop import TrainLoop
from pipeline.train.state import TrainState
from pipeline.train.step import GradientStep

SPEC = ModelSpec(
  network='mlp',
  latent_size=4,
  num_classes=0,
  class_names=(),
  image_shape=(8, 8, 1),
  minibatch='stddev',
)
CONFIG = TrainConfig(
  network='mlp', latent_size=4, batch_size=8, num_devices=2, r1_gamma=1.0, penalty_every_steps=1
)
PIXELS = np.random.default_rng(0).integers(0, 256, [8, 8, 8, 1], np.uint8)
LABELS = np.zeros([8], np.int32)


def expected_moves():
  """One step down the mean gradients of both halves of the batch, for each variable.

  And the mean of what both halves leave as the discriminator's moving mean.
  """
  halves, statistics = [], []
  for replica, half in enumerate((slice(4), slice(4, 8))):
    state = TrainState.create(SPEC, CONFIG, 'float32')
    step = GradientStep(state.pair, CONFIG, (None, None))
    number, strength = tf.constant(0, tf.int64), tf.constant(0.0)
    halves.append(step(PIXELS[half], LABELS[half], number, tf.constant(replica), strength))
    statistics.append(moving_mean(state))
  found = [
    [-(a + b) / 2 for a, b in zip(*networks, strict=True)]
    for networks in zip(*(half[:2] for half in halves), strict=True)
  ]
  return found, sum(statistics) / 2


def moving_mean(state):
  [mean] = state.pair.discriminator.non_trainable_weights
  return tf.convert_to_tensor(mean).numpy()


def moves():
  """The same by the loop, on two devices, with plain gradient descent."""
  strategy = devices.strategy(CONFIG)
  with strategy.scope():
    descent = [tf_keras.optimizers.SGD(1.0) for _ in range(2)]
    state = dataclasses.replace(
      TrainState.create(SPEC, CONFIG, 'float32'),
      generator_optimizer=descent[0],
      discriminator_optimizer=descent[1],
    )
  networks = state.pair.generator, state.pair.discriminator
  before = [[v.numpy() for v in network.trainable_variables] for network in networks]
  batches = tf.data.Dataset.from_tensors((PIXELS, LABELS)).repeat()
  loop = TrainLoop(state, CONFIG, strategy, xla=False)
  loop.run(iter(strategy.experimental_distribute_dataset(batches)), tf.constant(1, tf.int64))
  found = [
    [v.numpy() - b for v, b in zip(network.trainable_variables, old, strict=True)]
    for network, old in zip(networks, before, strict=True)
  ]
  return found, moving_mean(state)


def compare():
  found, mean = moves()  # first, for it splits the CPU
  wanted_moves, wanted_mean = expected_moves()
  np.testing.assert_allclose(mean, wanted_mean, rtol=1e-5)
  for network, expected in zip(found, wanted_moves, strict=True):
    for move, wanted in zip(network, expected, strict=True):
      np.testing.assert_allclose(move, wanted, rtol=1e-3, atol=1e-6)
    assert max(np.abs(move).max() for move in network) > 1e-3


@pytest.mark.slow
def test_replicas_learn_by_the_mean_of_their_gradients():
  process = multiprocessing.get_context('spawn').Process(target=compare)
  process.start()
  process.join(timeout=300)
  process.kill()
  process.join()
  assert process.exitcode == 0
