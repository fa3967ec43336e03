"""One step's gradients: what each setting adds to them."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline import networks
from pipeline.config import TrainConfig
from pipeline.networks import ModelSpec
from pipeline.train.losses import LOSSES
from pipeline.train.step import GradientStep, to_model_range

SPEC = ModelSpec(
  network='digits',
  latent_size=4,
  num_classes=5,
  class_names=tuple('abcde'),
  image_shape=(8, 8, 1),
)
BATCH = 12


@pytest.fixture(scope='module')
def pair():
  tf.random.set_seed(0)
  return networks.build(SPEC)


def batch():
  pixels = tf.random.stateless_uniform([BATCH, 8, 8, 1], [1, 2], 0, 256, tf.int32)
  return tf.cast(pixels, tf.uint8), tf.range(BATCH) % SPEC.num_classes


def gradient_step(pair, **changes):
  config = TrainConfig(latent_size=4, batch_size=BATCH, **changes)
  return GradientStep(pair, config, (None, None))


def gradients(pair, step=1, **changes):
  pixels, labels = batch()
  return gradient_step(pair, **changes)(pixels, labels, tf.constant(step, tf.int64), 0)


def flat(tensors):
  return np.concatenate([tf.reshape(tensor, [-1]).numpy() for tensor in tensors])


def test_wrong_labels_are_all_the_others_and_equally_likely(pair):
  labels = tf.repeat(tf.range(SPEC.num_classes), 4000)
  step = gradient_step(pair)
  wrong = step._wrong_labels(labels, tf.constant(3, tf.int64), tf.constant(0)).numpy()
  counts = np.zeros([SPEC.num_classes] * 2, np.int64)
  np.add.at(counts, (labels.numpy(), wrong), 1)
  assert (np.diag(counts) == 0).all()
  others = counts[~np.eye(SPEC.num_classes, dtype=bool)]
  np.testing.assert_allclose(others, 1000, atol=150)


def test_wrong_labels_change_with_the_step_and_the_replica(pair):
  step, labels = gradient_step(pair), tf.zeros([64], tf.int32)
  draws = {
    tuple(step._wrong_labels(labels, tf.constant(i, tf.int64), tf.constant(r)).numpy())
    for i in range(3)
    for r in range(2)
  }
  assert len(draws) == 6


@pytest.mark.parametrize('loss', sorted(LOSSES))
def test_mismatch_adds_its_own_gradient_to_the_discriminator_alone(pair, loss):
  pixels, labels = batch()
  wrong = gradient_step(pair)._wrong_labels(labels, tf.constant(1, tf.int64), tf.constant(0))
  with tf.GradientTape() as tape:
    logits = [pair.discriminate(to_model_range(pixels), y, training=True) for y in (labels, wrong)]
    expected_loss = tf.reduce_mean(LOSSES[loss].discriminator(*logits))
  expected = flat(tape.gradient(expected_loss, pair.discriminator.trainable_variables))
  generator, discriminator, metrics = gradients(pair, loss=loss, mismatch_weight=0.5)
  plain_generator, plain_discriminator, plain = gradients(pair, loss=loss)
  np.testing.assert_allclose(metrics['mismatch_loss'], expected_loss, rtol=1e-5)
  assert plain['mismatch_loss'] == 0
  difference = flat(discriminator) - flat(plain_discriminator)
  np.testing.assert_allclose(difference, 0.5 * expected, rtol=1e-3, atol=1e-6)
  np.testing.assert_allclose(flat(generator), flat(plain_generator), atol=1e-7)


def test_a_lazy_penalty_counts_for_the_steps_between(pair):
  settings = {'r1_gamma': 0.5, 'mismatch_weight': 0.2}
  between = flat(gradients(pair, 1, **settings, penalty_every_steps=4)[1])
  lazy = flat(gradients(pair, 4, **settings, penalty_every_steps=4)[1])
  always = flat(gradients(pair, 4, **settings, penalty_every_steps=1)[1])
  never = flat(gradients(pair, 4, **settings | {'r1_gamma': 0.0})[1])
  np.testing.assert_allclose(lazy - never, 4 * (always - never), rtol=1e-3, atol=1e-6)
  assert np.abs(always - never).max() > 1e-4
  np.testing.assert_allclose(
    between, flat(gradients(pair, 1, **settings | {'r1_gamma': 0.0})[1]), atol=1e-7
  )
