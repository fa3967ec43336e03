"""The weight gradient against its definition; layers against those of Keras."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline.networks import convolution

L = tf_keras.layers


def _normal(*shape: int, seed: int) -> tf.Tensor:
  return tf.random.stateless_normal(shape, [seed, 0])


def _oracle(
  images: tf.Tensor, errors: tf.Tensor, shape: tuple[int, ...], stride: int, padding: str
) -> np.ndarray:
  """The definition: for each place of the kernel, the inputs that it has met times the errors.

  TensorFlow's own is wrong for 1x1 kernels on CPUs with AVX2 and no AVX-512 (2.21, oneDNN).
  """
  x, e, k = images.numpy().astype(np.float64), errors.numpy().astype(np.float64), shape[0]
  reach = [stride * (n - 1) + 1 for n in e.shape[1:3]]
  if padding == 'SAME':
    missing = [max(r + k - 1 - size, 0) for r, size in zip(reach, x.shape[1:3], strict=True)]
    x = np.pad(x, [(0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)])
  gradient = np.zeros(shape)
  for i, j in np.ndindex(k, k):
    met = x[:, i : i + reach[0] : stride, j : j + reach[1] : stride]
    gradient[i, j] = np.einsum('bhwi,bhwo->io', met, e)
  return gradient


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
  expected = _oracle(images, errors, shape, stride, padding)
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
