"""Layers that let the discriminator compare the images of a batch, against mode collapse.

Legend: B batch, H height, W width, C channels, F features, K kernels of D dimensions.
"""

from typing import Any

import tensorflow as tf
import tf_keras


class MinibatchStddev(tf_keras.layers.Layer):
  """Appends a channel that holds the batch's mean standard deviation: [B, ..., C + 1].

  Source: Karras et al. 2018, arXiv:1710.10196, section 3.
  """

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Looks at `inputs`, [B, ..., C]."""
    wide = tf.cast(inputs, tf.float32)
    variance = tf.math.reduce_variance(wide, axis=0)
    mean = tf.reduce_mean(tf.sqrt(variance + 1e-8))
    channel = tf.fill(tf.concat([tf.shape(inputs)[:-1], [1]], axis=0), mean)
    return tf.concat([inputs, tf.cast(channel, inputs.dtype)], axis=-1)


class MinibatchDiscrimination(tf_keras.layers.Layer):
  """Appends each example's closeness to the others in K learned projections: [B, F + K].

  Source: Salimans et al. 2016, arXiv:1606.03498, section 3.2.
  """

  def __init__(self, num_kernels: int = 32, num_dimensions: int = 8, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.num_kernels, self.num_dimensions = num_kernels, num_dimensions

  def build(self, input_shape: tf.TensorShape) -> None:
    """Adds the projections."""
    self.kernel = self.add_weight(
      name='kernel', shape=[input_shape[-1], self.num_kernels * self.num_dimensions]
    )

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Compares `inputs`, [B, F]."""
    projected = tf.cast(tf.matmul(inputs, tf.cast(self.kernel, inputs.dtype)), tf.float32)
    points = tf.reshape(projected, [-1, self.num_kernels, self.num_dimensions])
    distances = tf.reduce_sum(tf.abs(points[:, None] - points[None]), axis=-1)  # [B, B, K]
    closeness = tf.reduce_sum(tf.exp(-distances), axis=1) - 1  # without the example itself
    return tf.concat([inputs, tf.cast(closeness, inputs.dtype)], axis=-1)

  def get_config(self) -> dict[str, Any]:
    """Arguments that rebuild the layer."""
    return super().get_config() | {
      'num_kernels': self.num_kernels,
      'num_dimensions': self.num_dimensions,
    }
