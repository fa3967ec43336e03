"""Spectral normalisation: layers whose kernel is divided by its largest singular value.

Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1: one power iteration for each update. The
iteration is a call of its own, `iterate`, so that an update which scores real and generated images
uses one value for both, and so that scoring changes nothing. Legend: M outputs, N inputs of the
kernel as a matrix.
"""

from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.networks import convolution
from pipeline.networks.dropout import Dropout

_TINY = 1e-12


class _Normalised:
  """A layer with a kernel, and with the estimate `u` of its first left singular vector."""

  kernel: tf.Variable
  u: tf.Variable  # [M] float32, unit length

  def _add_vector(self) -> None:
    self.u = self.add_weight(  # type: ignore[attr-defined]
      name='u',
      shape=[self.kernel.shape[-1]],
      initializer=_unit_vector,
      trainable=False,
      dtype=tf.float32,
      experimental_autocast=False,  # a dtype policy would round it
    )

  def _matrix(self) -> tf.Tensor:
    """The kernel as [N, M] float32."""
    kernel = tf.convert_to_tensor(self.kernel)
    return tf.cast(tf.reshape(kernel, [-1, kernel.shape[-1]]), tf.float32)

  def sigma(self) -> tf.Tensor:
    """The largest singular value, as estimated: scalar float32, differentiable in the kernel."""
    matrix, u = self._matrix(), tf.convert_to_tensor(self.u)
    v = tf.stop_gradient(_unit(tf.linalg.matvec(matrix, u)))
    return tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)

  def normalised_kernel(self, dtype: tf.DType) -> tf.Tensor:
    """The kernel that the layer computes with."""
    return tf.cast(tf.cast(self.kernel, tf.float32) / self.sigma(), dtype)

  def iterate(self) -> None:
    """One power iteration: u becomes the direction of W Wᵀ u."""
    matrix = self._matrix()
    v = _unit(tf.linalg.matvec(matrix, tf.convert_to_tensor(self.u)))
    self.u.assign(_unit(tf.linalg.matvec(matrix, v, transpose_a=True)))


def _unit_vector(shape: tf.TensorShape, dtype: tf.DType, **kwargs: Any) -> tf.Tensor:
  return _unit(tf_keras.initializers.RandomNormal()(shape, dtype))


def _unit(vector: tf.Tensor) -> tf.Tensor:
  return tf.math.l2_normalize(vector, epsilon=_TINY)


class SpectralConv2D(_Normalised, convolution.Conv2D):
  """Conv2D with a normalised kernel."""

  def build(self, input_shape: tf.TensorShape) -> None:
    """Adds the weights."""
    super().build(input_shape)
    self._add_vector()

  def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The convolution, with the normalised kernel in place of `kernel`."""
    del kernel
    return super().convolution_op(inputs, self.normalised_kernel(inputs.dtype))

  def kernel_in_use(self, dtype: tf.DType) -> tf.Tensor:
    """The normalised kernel."""
    return self.normalised_kernel(dtype)


class SpectralDense(_Normalised, tf_keras.layers.Dense):
  """Dense with a normalised kernel."""

  def build(self, input_shape: tf.TensorShape) -> None:
    """Adds the weights."""
    super().build(input_shape)
    self._add_vector()

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Maps `inputs`, [B, N], to [B, M]."""
    outputs = tf.matmul(inputs, self.normalised_kernel(inputs.dtype))
    return tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype)) if self.use_bias else outputs


def layers(model: tf_keras.Model) -> list[_Normalised]:
  """The normalised layers of a model, nested ones included."""
  return [layer for layer in model._flatten_layers() if isinstance(layer, _Normalised)]


def folded_weights(model: tf_keras.Model) -> list[Any]:
  """Weights for the same model without normalisation and dropout, which then scores the same."""
  normalised = {id(layer.kernel): layer for layer in layers(model)}
  left_out = {id(layer.u) for layer in normalised.values()}
  for layer in model._flatten_layers():
    if isinstance(layer, Dropout):
      left_out |= set(map(id, layer.weights))
  return [
    (weight / normalised[id(weight)].sigma()).numpy()
    if id(weight) in normalised
    else weight.numpy()
    for weight in model.weights
    if id(weight) not in left_out
  ]
