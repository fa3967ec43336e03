"""Convolutions as usual, trained in ways that are quick on a CPU.

In bfloat16 oneDNN takes three times as long for a convolution's weight gradient as for the
convolution, ten times for some shapes; as products of matrices it takes as long. In float32 oneDNN
is the quicker one. benchmarks/NOTES.md has figures.
Outside training, and on a GPU, the layers are those of Keras.

Legend: B batch, H x W map, C channels, k kernel size, s stride; primes mark the output's.
"""

from typing import Any

import tensorflow as tf
import tf_keras

_WIDE = 128  # channels from which products of matrices make the quicker weight gradient
_NARROW = 4  # channels up to which all of a convolution is quicker as one product
_LARGE = 4  # kernel size from which either is worth it
_BY_PRODUCTS = (tf.bfloat16,)  # types of which products make the quicker weight gradient


class Conv2D(tf_keras.layers.Conv2D):
  """`tf_keras.layers.Conv2D`, without groups and dilation."""

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """Convolves [B, H, W, C] with [k, k, C, C']."""
    if not training:
      return super().call(inputs)
    kernel = self.kernel_in_use(inputs.dtype)
    x = convolve(inputs, kernel, self.strides[0], self.padding.upper())
    return _finish(self, x)

  def kernel_in_use(self, dtype: tf.DType) -> tf.Tensor:
    """The kernel that inputs of this type are convolved with."""
    return tf.cast(self.kernel, dtype)


class Conv2DTranspose(tf_keras.layers.Conv2DTranspose):
  """`tf_keras.layers.Conv2DTranspose`, for padding 'same', or 'valid' and stride 1."""

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """Upsamples [B, H, W, C] to [B, s * H, s * W, C']."""
    if not training:
      return super().call(inputs)
    size = tuple(self.compute_output_shape(inputs.shape)[1:3])
    kernel = tf.cast(self.kernel, inputs.dtype)
    return _finish(self, spread(inputs, kernel, size, self.strides[0], self.padding.upper()))


def _finish(layer: tf_keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
  """Adds the bias and activates."""
  return layer.activation(tf.nn.bias_add(x, tf.cast(layer.bias, x.dtype)) if layer.use_bias else x)


def convolve(images: tf.Tensor, kernel: tf.Tensor, stride: int, padding: str) -> tf.Tensor:
  """Convolution, differentiable any number of times.

  Args:
    images: [B, H, W, C].
    kernel: [k, k, C, C'].
    stride: s, of rows and columns.
    padding: 'SAME' or 'VALID'.

  Returns:
    [B, H', W', C'].
  """
  if _on_cpu() and stride == 1 and kernel.shape[3] <= _NARROW and kernel.shape[0] >= _LARGE:
    return _by_shifted_products(images, kernel, padding)
  if not _is_wide(kernel, stride):
    return tf.nn.conv2d(images, kernel, stride, padding)

  @tf.custom_gradient
  def op(images: tf.Tensor, kernel: tf.Tensor) -> Any:
    def gradients(errors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      size = tuple(images.shape[1:3])
      to_kernel = weight_gradient(images, errors, tuple(kernel.shape), stride, padding)
      return spread(errors, kernel, size, stride, padding), to_kernel

    return tf.nn.conv2d(images, kernel, stride, padding), gradients

  return op(images, kernel)


def spread(
  errors: tf.Tensor, kernel: tf.Tensor, size: tuple[int, int], stride: int, padding: str
) -> tf.Tensor:
  """Transposed convolution: [B, H', W', C'] and [k, k, C, C'] to [B, *size, C]."""
  shape = [tf.shape(errors)[0], *size, kernel.shape[2]]
  if not _is_wide(kernel, stride):
    return tf.nn.conv2d_transpose(errors, kernel, shape, stride, padding)

  @tf.custom_gradient
  def op(errors: tf.Tensor, kernel: tf.Tensor) -> Any:
    def gradients(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      to_kernel = weight_gradient(images, errors, tuple(kernel.shape), stride, padding)
      return convolve(images, kernel, stride, padding), to_kernel

    return tf.nn.conv2d_transpose(errors, kernel, shape, stride, padding), gradients

  return op(errors, kernel)


def weight_gradient(
  images: tf.Tensor, errors: tf.Tensor, shape: tuple[int, ...], stride: int, padding: str
) -> tf.Tensor:
  """Gradient of a convolution's kernel: for each s columns of each of its rows a matrix product.

  Args:
    images: [B, H, W, C], what was convolved.
    errors: [B, H', W', C'], gradient of the result.
    shape: of the kernel, (k, k, C, C').
    stride: s.
    padding: 'SAME' or 'VALID'.

  Returns:
    [k, k, C, C'].
  """
  rows, columns = errors.shape[1:3]
  groups = -(-shape[1] // stride)  # of s neighbours, which lie side by side in memory
  height, width = stride * (rows + -(-shape[0] // stride) - 1), stride * (columns + groups - 1)
  padded = _padded(images, (rows, columns), shape, stride, padding, (height, width))
  tall, wide, channels = height // stride, width // stride, shape[2]
  views = tf.unstack(tf.reshape(padded, [-1, tall, stride, wide, stride * channels]), axis=2)
  flat_errors = tf.reshape(errors, [-1, shape[3]])
  products = []
  for row in range(shape[0]):
    top, view = row // stride, views[row % stride]
    for left in range(groups):
      window = view[:, top : top + rows, left : left + columns]
      flat = tf.reshape(window, [-1, stride * channels])
      products.append(tf.matmul(flat, flat_errors, transpose_a=True))
  return tf.reshape(tf.stack(products), [shape[0], groups * stride, *shape[2:]])[:, : shape[1]]


def _by_shifted_products(images: tf.Tensor, kernel: tf.Tensor, padding: str) -> tf.Tensor:
  """A convolution of stride 1 to few channels as one product of matrices, then sums of planes."""
  height, width = images.shape[1:3]
  rows, columns, channels, filters = kernel.shape
  flat = tf.reshape(tf.transpose(kernel, [3, 0, 1, 2]), [-1, channels])
  products = tf.matmul(flat, tf.reshape(images, [-1, channels]), transpose_b=True)
  planes = tf.reshape(products, [filters * rows * columns, -1, height, width])
  if padding == 'SAME':
    top, left = _before(height, rows, 1, height), _before(width, columns, 1, width)
    edges = [[top, rows - 1 - top], [left, columns - 1 - left]]
    planes = tf.pad(planes, [[0, 0], [0, 0], *edges])
  else:
    height, width = height - rows + 1, width - columns + 1
  shifts = [(row, column) for row in range(rows) for column in range(columns)]
  moved = [
    plane[:, row : row + height, column : column + width]
    for plane, (row, column) in zip(tf.unstack(planes), shifts * filters, strict=True)
  ]
  size = len(shifts)
  sums = [tf.add_n(moved[index * size :][:size]) for index in range(filters)]
  return tf.stack(sums, axis=-1)


def _padded(
  images: tf.Tensor,
  out_size: tuple[int, int],
  shape: tuple[int, ...],
  stride: int,
  padding: str,
  size: tuple[int, int],
) -> tf.Tensor:
  """The images inside zeros, [B, *size, C], so that window (0, 0) begins at (0, 0)."""
  edges = []
  for axis in (0, 1):
    length = images.shape[axis + 1]
    before = 0
    if padding == 'SAME':
      before = _before(out_size[axis], shape[axis], stride, length)
    edges.append([before, max(size[axis] - before - length, 0)])
  return tf.pad(images, [[0, 0], *edges, [0, 0]])[:, : size[0], : size[1]]


def _before(num_windows: int, kernel: int, stride: int, length: int) -> int:
  """Zeros that 'SAME' puts before the first element of an axis."""
  return max((num_windows - 1) * stride + kernel - length, 0) // 2


def _is_wide(kernel: tf.Tensor, stride: int) -> bool:
  """Whether `weight_gradient` is the quicker one for this kernel."""
  size, _, channels, filters = kernel.shape
  wide = size >= _LARGE and min(stride * channels, filters) >= _WIDE
  return wide and kernel.dtype in _BY_PRODUCTS and _on_cpu()


def _on_cpu() -> bool:
  return not tf.config.list_physical_devices('GPU')
