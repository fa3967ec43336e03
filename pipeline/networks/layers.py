"""Layers that tf_keras lacks."""

from typing import Any

import tensorflow as tf
import tf_keras


class DepthToSpace(tf_keras.layers.Layer):
  """Rearranges channels into space: [B, H, W, s*s*C] -> [B, s*H, s*W, C].

  Source: Shi et al. 2016, arXiv:1609.05158, the sub-pixel convolution's shuffle.
  """

  def __init__(self, block_size: int = 2, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.block_size = block_size

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Shuffles `inputs`, [B, H, W, s*s*C]."""
    return tf.nn.depth_to_space(inputs, self.block_size)

  def get_config(self) -> dict[str, Any]:
    """Arguments that rebuild the layer."""
    return super().get_config() | {'block_size': self.block_size}


class Doubled(tf_keras.layers.Layer):
  """Every pixel four times: [B, H, W, C] -> [B, 2H, 2W, C].

  Equal to `UpSampling2D`, whose resizing XNNPACK can not compute on a phone.
  """

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Repeats the pixels of `inputs`, [B, H, W, C]."""
    return tf.nn.depth_to_space(tf.concat([inputs] * 4, axis=-1), 2)


class Blur(tf_keras.layers.Layer):
  """The binomial filter [1, 2, 1] along rows and columns, against aliasing: [B, H, W, C], same.

  Source: Zhang 2019, arXiv:1904.11486.
  """

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Filters `inputs`, [B, H, W, C]."""
    line = tf.constant([1.0, 2.0, 1.0], inputs.dtype) / 4
    kernel = tf.tile((line[:, None] * line)[..., None, None], [1, 1, inputs.shape[-1], 1])
    return tf.nn.depthwise_conv2d(inputs, kernel, [1, 1, 1, 1], 'SAME')


class OneHot(tf_keras.layers.Layer):
  """Class indices to indicator vectors: int [B] -> float [B, K]."""

  def __init__(self, num_classes: int, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.num_classes = num_classes

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Encodes `inputs`, int [B]."""
    return tf.one_hot(tf.cast(inputs, tf.int32), self.num_classes, dtype=self.compute_dtype)

  def get_config(self) -> dict[str, Any]:
    """Arguments that rebuild the layer."""
    return super().get_config() | {'num_classes': self.num_classes}


class SumLogits(tf_keras.layers.Layer):
  """Sums the last axis: [B, K] -> [B], the logit that a mask of all classes but one leaves."""

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """Sums `inputs`, [B, K]."""
    return tf.reduce_sum(inputs, axis=-1)
