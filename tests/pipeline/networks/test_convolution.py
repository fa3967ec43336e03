"""The weight gradient computes what TensorFlow's own computes."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline.networks import convolution

L = tf_keras.layers


def _normal(*shape: int, seed: int) -> tf.Tensor:
  return tf.random.stateless_normal(shape, [seed, 0])


def _native(
  images: tf.Tensor, errors: tf.Tensor, shape: tuple[int, ...], stride: int, padding: str
) -> tf.Tensor:
  with tf.GradientTape() as tape:
    kernel = tf.zeros(shape)
    tape.watch(kernel)
    total = tf.reduce_sum(tf.nn.conv2d(images, kernel, stride, padding) * errors)
  return tape.gradient(total, kernel)


_CASES = [
  case
  for case in itertools.product((1, 2, 3, 4, 5, 7), (1, 2), ('SAME', 'VALID'), (7, 8))
  if case[0] <= case[3]
]


@pytest.mark.parametrize(('k', 'stride', 'padding', 'size'), _CASES)
def test_weight_gradient(k: int, stride: int, padding: str, size: int) -> None:
  images, shape = _normal(2, size, size + 2, 3, seed=1), (k, k, 3, 5)
  outputs = tf.nn.conv2d(images, tf.zeros(shape), stride, padding).shape
  errors = _normal(*outputs, seed=2)
  found = convolution.weight_gradient(images, errors, shape, stride, padding)
  expected = _native(images, errors, shape, stride, padding)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
  ('ours', 'theirs', 'arguments'),
  [
    (convolution.Conv2D, L.Conv2D, {'kernel_size': 5, 'strides': 2, 'padding': 'same'}),
    (convolution.Conv2D, L.Conv2D, {'filters': 3, 'kernel_size': 5, 'padding': 'same'}),
    (convolution.Conv2D, L.Conv2D, {'filters': 1, 'kernel_size': (5, 4)}),
    (convolution.Conv2D, L.Conv2D, {'kernel_size': 4, 'padding': 'valid', 'use_bias': False}),
    (
      convolution.Conv2DTranspose,
      L.Conv2DTranspose,
      {'kernel_size': 5, 'strides': 2, 'padding': 'same', 'activation': 'tanh'},
    ),
    (convolution.Conv2DTranspose, L.Conv2DTranspose, {'kernel_size': (4, 3), 'padding': 'valid'}),
  ],
)
def test_layers(
  ours: type, theirs: type, arguments: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
  # In bfloat16 rounding would hide small mistakes.
  monkeypatch.setattr(convolution, '_BY_PRODUCTS', (tf.float32,))
  arguments = {'filters': 128, 'bias_initializer': 'ones'} | arguments
  layer, reference = ours(**arguments), theirs(**arguments)
  images = _normal(2, 6, 5, 128, seed=3)
  for each in (layer, reference):
    each.build(images.shape)
  reference.set_weights(layer.get_weights())
  found = []
  for each in (layer, reference):
    with tf.GradientTape() as outer:
      outer.watch(images)
      with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = each(images, training=True) if each is layer else each(images)
        total = tf.reduce_sum(tf.sin(outputs))
      slopes = tape.gradient(total, [images, *each.trainable_variables])
      penalty = tf.reduce_sum(tf.square(slopes[0])) + tf.reduce_sum(tf.sin(slopes[1]))
    second = outer.gradient(penalty, [images, *each.trainable_variables])
    found.append([outputs, *slopes, *second])
  np.testing.assert_array_equal(layer(images), reference(images))  # outside training
  for value, expected in zip(*found, strict=True):
    np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize(
  ('dtype', 'channels', 'by_products'),
  [(tf.bfloat16, 128, True), (tf.float32, 128, False), (tf.bfloat16, 64, False)],
)
def test_products_are_for_wide_bfloat16(
  dtype: tf.DType, channels: int, by_products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
  taken = []
  monkeypatch.setattr(convolution, 'weight_gradient', lambda *arguments: taken.append(arguments))
  images, kernel = tf.zeros([1, 6, 6, channels], dtype), tf.zeros([4, 4, channels, 128], dtype)
  with tf.GradientTape() as tape:
    tape.watch(kernel)
    outputs = convolution.convolve(images, kernel, 1, 'SAME')
  tape.gradient(outputs, kernel)
  assert bool(taken) == by_products
