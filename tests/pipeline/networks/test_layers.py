"""Layers against NumPy."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline.networks import layers, spectral
from pipeline.networks.dropout import Dropout
from pipeline.networks.minibatch import MinibatchDiscrimination, MinibatchStddev


def largest_singular_value(layer):
  kernel = layer.kernel.numpy()
  return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


@pytest.mark.parametrize(
  ('make', 'shape'),
  [
    (functools.partial(spectral.SpectralDense, 7), [4, 5]),
    (functools.partial(spectral.SpectralConv2D, 6, 3), [2, 8, 8, 3]),
  ],
)
def test_spectral_normalisation_finds_the_largest_singular_value(make, shape):
  tf_keras.utils.set_random_seed(0)  # of some kernels the two largest are too near each other
  layer = make()
  layer.build(tf.TensorShape(shape))
  assert abs(float(layer.sigma()) / largest_singular_value(layer) - 1) > 1e-4
  for _ in range(200):
    layer.iterate()
  np.testing.assert_allclose(float(layer.sigma()), largest_singular_value(layer), rtol=1e-4)
  kernel = layer.normalised_kernel(tf.float32).numpy().reshape(-1, layer.kernel.shape[-1])
  np.testing.assert_allclose(np.linalg.norm(kernel, 2), 1, rtol=1e-4)


@pytest.mark.parametrize('policy', ['mixed_bfloat16', 'mixed_float16'])
@pytest.mark.parametrize(
  ('make', 'shape'),
  [
    (functools.partial(spectral.SpectralDense, 7), [4, 5]),
    (functools.partial(spectral.SpectralConv2D, 6, 3), [4, 8, 8, 3]),
  ],
)
def test_the_estimate_is_float32_under_every_policy(make, shape, policy):
  exact, layer = make(), make(dtype=policy)
  x = tf.random.stateless_normal(shape, [0, 0])
  exact(x)
  traced = tf.function(layer).get_concrete_function(x)
  layer.set_weights(exact.get_weights())
  np.testing.assert_allclose(tf.cast(traced(x), tf.float32), exact(x), atol=0.05)
  products = {op.type for op in traced.graph.get_operations() if 'MatMul' in op.type}
  assert products == {'MatMul'}  # not the slow one of two dtypes


def test_scoring_does_not_move_the_estimate():
  layer = spectral.SpectralDense(3)
  layer.build(tf.TensorShape([2, 4]))
  before = layer.u.numpy()
  layer(tf.ones([2, 4]))
  np.testing.assert_array_equal(layer.u, before)
  layer.iterate()
  assert np.abs(layer.u - before).max() > 1e-4


def test_the_normalised_kernel_is_differentiated_with_its_norm():
  layer = spectral.SpectralDense(3, use_bias=False)
  layer.build(tf.TensorShape([2, 4]))
  with tf.GradientTape() as tape:
    total = tf.reduce_sum(layer(tf.ones([2, 4])))
  gradient = tape.gradient(total, layer.kernel)
  # The output does not change with the kernel's length, so its gradient is across the kernel.
  np.testing.assert_allclose(float(tf.reduce_sum(gradient * layer.kernel)), 0, atol=1e-5)


def test_doubled_is_upsampling():
  x = tf.random.stateless_normal([2, 3, 5, 7], [0, 0])
  np.testing.assert_array_equal(layers.Doubled()(x), tf_keras.layers.UpSampling2D()(x))


def test_dropout_drops_its_share_and_keeps_the_mean():
  layer = Dropout(0.3)
  out = layer(tf.ones([100, 1000]), training=True).numpy()
  assert abs(np.mean(out == 0) - 77 / 256) < 0.01
  np.testing.assert_allclose(np.unique(out), [0, 256 / 179], rtol=1e-6)
  np.testing.assert_allclose(out.mean(), 1, atol=0.01)


def test_dropout_of_the_least_rate_drops_something():
  kept = Dropout(0.001)(tf.ones([1, 1 << 16]), training=True).numpy()
  assert 0 < np.mean(kept == 0) < 0.01


def test_dropout_draws_anew_each_call_and_again_from_the_same_count():
  layer = Dropout(0.5)
  ones = tf.ones([64])
  first, second = (layer(ones, training=True).numpy() for _ in range(2))
  assert (first != second).any()
  layer.calls.assign(0)
  np.testing.assert_array_equal(layer(ones, training=True), first)


def test_dropout_draws_otherwise_for_another_seed_and_on_another_replica():
  tf_keras.utils.set_random_seed(1)
  one, two = Dropout(0.5), Dropout(0.5)
  ones = tf.ones([64])
  assert (one(ones, training=True).numpy() != two(ones, training=True).numpy()).any()
  strategy = tf.distribute.MirroredStrategy(['CPU:0'])
  with strategy.scope():
    mirrored = Dropout(0.5)
  strategy.run(lambda: mirrored(ones, training=True))
  assert int(tf.convert_to_tensor(mirrored.calls)) == 1


def test_dropout_rests_outside_training():
  layer = Dropout(0.9)
  np.testing.assert_array_equal(layer(tf.ones([8]), training=False), np.ones(8))
  assert int(layer.calls) == 0


def test_minibatch_stddev():
  x = np.random.default_rng(0).normal(size=[6, 2, 3, 4]).astype(np.float32)
  out = MinibatchStddev()(x, training=True).numpy()
  np.testing.assert_array_equal(out[..., :4], x)
  np.testing.assert_allclose(out[..., 4], np.sqrt(x.var(axis=0) + 1e-8).mean(), rtol=1e-5)


def test_minibatch_discrimination():
  x = np.random.default_rng(0).normal(size=[5, 3]).astype(np.float32)
  layer = MinibatchDiscrimination(num_kernels=2, num_dimensions=4)
  out = layer(x, training=True).numpy()
  points = (x @ layer.kernel.numpy()).reshape(5, 2, 4)
  expected = np.zeros([5, 2])
  for i in range(5):
    for j in range(5):
      if i != j:
        expected[i] += np.exp(-np.abs(points[i] - points[j]).sum(axis=-1))
  np.testing.assert_allclose(out, np.concatenate([x, expected], axis=1), rtol=1e-4, atol=1e-5)


MINIBATCH_LAYERS = [MinibatchStddev, MinibatchDiscrimination]


def some_features(seed):
  return np.random.default_rng(seed).normal(0, 0.1, [6, 4]).astype(np.float32)


@pytest.mark.parametrize('make', MINIBATCH_LAYERS)
def test_minibatch_layers_follow_training_and_repeat_it_outside(make):
  layer = make()
  expected = np.zeros(1)
  for seed in range(3):
    appended = layer(some_features(seed), training=True)[:, 4:].numpy()
    expected = expected + 0.01 * (appended.mean(axis=0) - expected)
  x = some_features(9)
  out = layer(x, training=False).numpy()
  np.testing.assert_array_equal(out[:, :4], x)
  assert expected.min() > 1e-3
  np.testing.assert_allclose(out[:, 4:], np.tile(expected, [6, 1]), rtol=1e-4)
  np.testing.assert_array_equal(layer(x, training=False), out)  # scoring moves nothing


@pytest.mark.parametrize('make', MINIBATCH_LAYERS)
def test_minibatch_layers_score_an_image_whatever_its_batch(make):
  layer = make()
  x = some_features(0)
  layer(x, training=True)
  alone = np.concatenate([layer(row[None], training=False) for row in x])
  np.testing.assert_allclose(layer(x, training=False), alone, rtol=1e-6)


@pytest.mark.parametrize('make', MINIBATCH_LAYERS)
def test_minibatch_layers_follow_in_float32_in_a_branch_of_a_replica(make):
  strategy = tf.distribute.MirroredStrategy(['CPU:0'])
  x = tf.constant(some_features(0))
  with strategy.scope():
    layer = make(dtype='mixed_bfloat16')
    layer(tf_keras.Input([4]))

  @tf.function(autograph=False)
  def scored(is_due):
    branches = [functools.partial(layer, x, training=training) for training in (True, False)]
    return strategy.run(lambda: tf.cond(is_due, *branches))[:, 4:]

  found = scored(tf.constant(True))
  assert found.dtype == tf.bfloat16
  wanted = 0.01 * tf.reduce_mean(tf.cast(found, tf.float32), axis=0)
  mean = tf.convert_to_tensor(layer.moving_mean.mean)
  np.testing.assert_allclose(mean, wanted, rtol=0.01)
  scored(tf.constant(False))
  np.testing.assert_array_equal(tf.convert_to_tensor(layer.moving_mean.mean), mean)


def test_blur_is_the_binomial_filter():
  impulse = np.zeros([1, 5, 5, 2], np.float32)
  impulse[0, 2, 2] = [16, 32]
  line = np.array([1, 2, 1])
  expected = np.zeros([5, 5])
  expected[1:4, 1:4] = np.outer(line, line)
  out = layers.Blur()(impulse).numpy()
  np.testing.assert_allclose(out[0, ..., 0], expected, atol=1e-6)
  np.testing.assert_allclose(out[0, ..., 1], 2 * expected, atol=1e-6)
