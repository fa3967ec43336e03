"""Layers that let the discriminator compare the images of a batch, against mode collapse.

Outside training they tell what the batches of training gave on average, so that no image's score
depends on the others in its batch.

Legend: B batch, H height, W width, C channels, F features, K kernels of D dimensions, S statistics.
"""

from typing import Any

import tensorflow as tf
import tf_keras


class MovingMean(tf_keras.layers.Layer):
  """Passes statistics on while training; otherwise gives their moving mean over the batches, [S].

  In float32 under every policy, where 16 bits would lose the small steps of the mean.
  """

  def __init__(self, momentum: float = 0.99, **kwargs: Any) -> None:
    super().__init__(**kwargs | {'dtype': 'float32'})
    self.momentum = momentum

  def build(self, input_shape: tf.TensorShape) -> None:
    """Adds the mean."""
    self.mean = self.add_weight(
      name='mean',
      shape=input_shape[-1:],
      initializer='zeros',
      trainable=False,
      synchronization=tf.VariableSynchronization.ON_READ,
      aggregation=tf.VariableAggregation.MEAN,
    )

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """Follows `inputs`, [..., S], or stands in for them."""
    if not training:
      return tf.convert_to_tensor(self.mean)
    found = tf.reduce_mean(tf.reshape(inputs, [-1, inputs.shape[-1]]), axis=0)
    self.mean.assign_add((1 - self.momentum) * (found - self.mean))
    return inputs

  def get_config(self) -> dict[str, Any]:
    """Arguments that rebuild the layer."""
    return super().get_config() | {'momentum': self.momentum}


class MinibatchStddev(tf_keras.layers.Layer):
  """Appends a channel that holds the batch's mean standard deviation: [B, ..., C + 1].

  Source: Karras et al. 2018, arXiv:1710.10196, section 3.
  """

  def __init__(self, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.moving_mean = MovingMean()

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """Looks at `inputs`, [B, ..., C]."""
    variance = tf.math.reduce_variance(tf.cast(inputs, tf.float32), axis=0)
    mean = tf.reduce_mean(tf.sqrt(variance + 1e-8))
    return _appended(inputs, self.moving_mean(mean[None], training=training))


class MinibatchDiscrimination(tf_keras.layers.Layer):
  """Appends each example's closeness to the others in K learned projections: [B, F + K].

  Source: Salimans et al. 2016, arXiv:1606.03498, section 3.2.
  """

  def __init__(self, num_kernels: int = 32, num_dimensions: int = 8, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.num_kernels, self.num_dimensions = num_kernels, num_dimensions
    self.moving_mean = MovingMean()

  def build(self, input_shape: tf.TensorShape) -> None:
    """Adds the projections."""
    self.kernel = self.add_weight(
      name='kernel', shape=[input_shape[-1], self.num_kernels * self.num_dimensions]
    )

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """Compares `inputs`, [B, F]."""
    projected = tf.cast(tf.matmul(inputs, tf.cast(self.kernel, inputs.dtype)), tf.float32)
    points = tf.reshape(projected, [-1, self.num_kernels, self.num_dimensions])
    distances = tf.reduce_sum(tf.abs(points[:, None] - points[None]), axis=-1)  # [B, B, K]
    closeness = tf.reduce_sum(tf.exp(-distances), axis=1) - 1  # without the example itself
    return _appended(inputs, self.moving_mean(closeness, training=training))

  def get_config(self) -> dict[str, Any]:
    """Arguments that rebuild the layer."""
    return super().get_config() | {
      'num_kernels': self.num_kernels,
      'num_dimensions': self.num_dimensions,
    }


def _appended(inputs: tf.Tensor, statistics: tf.Tensor) -> tf.Tensor:
  """[B, ..., C] and [S] or [B, S] to [B, ..., C + S]."""
  shape = tf.concat([tf.shape(inputs)[:-1], statistics.shape[-1:]], axis=0)
  channels = tf.broadcast_to(tf.cast(statistics, inputs.dtype), shape)
  return tf.concat([inputs, channels], axis=-1)
