"""Penalties, schedules, averages and random keys: small functions against oracles."""

import math

import numpy as np
import pytest
import tensorflow as tf

from pipeline.train import penalties, random
from pipeline.train.averaging import ema_decay, update_average
from pipeline.train.penalties import squared_gradient_norm
from pipeline.train.schedules import learning_rate


def test_squared_gradient_norm_of_a_linear_discriminator_is_its_weights():
  weights = tf.random.stateless_normal([4, 4, 1], [0, 0])
  images = tf.random.stateless_normal([3, 4, 4, 1], [0, 1])
  with tf.GradientTape() as tape:
    tape.watch(images)
    logits = tf.reduce_sum(images * weights, axis=[1, 2, 3])
  penalty = squared_gradient_norm(tape.gradient(logits, images))
  np.testing.assert_allclose(penalty, [np.sum(weights.numpy() ** 2)] * 3, rtol=1e-6)


def test_squared_gradient_norm_sums_bfloat16_in_float32():
  gradients = tf.ones([1, 64, 64, 1], tf.bfloat16)
  assert squared_gradient_norm(gradients).numpy() == [4096.0]


def test_gradient_norm_off_one():
  gradients = np.zeros([3, 2, 2, 1], np.float32)
  gradients[1, 0, 0], gradients[2] = 3, 0.5
  found = penalties.gradient_norm_off_one(tf.constant(gradients))
  np.testing.assert_allclose(found, [1, 4, 0], atol=1e-5)


def test_the_gradient_norm_of_zero_can_be_differentiated():
  gradients = tf.zeros([2, 2, 2, 1])
  with tf.GradientTape() as tape:
    tape.watch(gradients)
    total = tf.reduce_sum(penalties.gradient_norm_off_one(gradients))
  assert np.all(np.isfinite(tape.gradient(total, gradients)))


def test_points_between_lie_on_each_images_own_line():
  real, fake = tf.zeros([200, 2, 2, 1]), tf.ones([200, 2, 2, 1])
  points = penalties.between(real, fake, tf.constant([0, 1])).numpy().reshape(200, -1)
  assert (points == points[:, :1]).all()
  assert 0 < points.min() < 0.05 < 0.95 < points.max() < 1


def test_points_around_keep_to_half_a_standard_deviation():
  real = tf.random.stateless_normal([500, 4, 4, 1], [0, 0])
  off = penalties.around(real, tf.constant([0, 1])).numpy() - real.numpy()
  deviation = real.numpy().std()
  assert -1e-6 <= off.min() < 0.01 < 0.45 * deviation < off.max() < 0.5 * deviation
  furthest = off.max(axis=(1, 2, 3)) / (0.5 * deviation)  # in each image
  np.testing.assert_allclose(np.quantile(furthest, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.1)


def test_similarity_is_the_latents_difference_over_that_of_the_images():
  latents, others = tf.zeros([2, 3]), tf.ones([2, 3])
  images = tf.zeros([2, 2, 2, 1])
  change = tf.reshape([0.5, 2.0], [2, 1, 1, 1])
  found = penalties.similarity(images, images + change, latents, others)
  np.testing.assert_allclose(found, 1 / 1.25, rtol=1e-4)


@pytest.mark.parametrize(
  ('name', 'middle', 'end'), [('none', 1, 1), ('cosine', 0.5, 0), ('exponential', 0.1**0.5, 0.1)]
)
def test_learning_rate_courses(name, middle, end):
  factor, step = tf.Variable(1.0), tf.Variable(0, dtype=tf.int64)
  rate = learning_rate(name, 2e-4, 1000, factor, step)
  iterations, course = 7, []  # the latter of the optimiser: none of the schedule's business
  for each in (0, 500, 1000):
    step.assign(each)
    course.append(float(rate(iterations)))
  np.testing.assert_allclose(course, [2e-4, middle * 2e-4, end * 2e-4], atol=1e-9)
  factor.assign(0.25)
  step.assign(500)
  np.testing.assert_allclose(rate(iterations), middle * 5e-5, atol=1e-9)


def test_half_of_the_average_remains_after_one_half_life():
  decay = float(ema_decay(tf.constant(1e9), 50, 1000.0))
  assert math.isclose(decay ** (1000 / 50), 0.5, rel_tol=1e-4)


def test_the_average_ramps_up_and_can_be_off():
  assert float(ema_decay(tf.constant(64.0), 64, 1000.0)) < 1e-3
  ramped = 0.05 * 4000  # the half-life at 4,000 images
  assert math.isclose(ema_decay(tf.constant(4e3), 50, 1000.0), 0.5 ** (50 / ramped), rel_tol=1e-5)
  assert float(ema_decay(tf.constant(1e9), 64, 0.0)) == 0


def test_the_average_moves_floats_and_copies_integers():
  mean = [tf.Variable(1.0), tf.Variable(1, dtype=tf.int64)]
  update_average(mean, [tf.Variable(3.0), tf.Variable(9, dtype=tf.int64)], tf.constant(0.75))
  assert [float(v) for v in mean] == [1.5, 9]


def test_random_keys_differ_by_seed_purpose_step_and_replica():
  keys = {
    tuple(random.key(seed, purpose, tf.constant(step, tf.int64), replica).numpy())
    for seed in (0, 1)
    for purpose in (random.LATENTS, random.WRONG_LABELS)
    for step in range(4)
    for replica in range(3)
  }
  assert len(keys) == 2 * 2 * 4 * 3
