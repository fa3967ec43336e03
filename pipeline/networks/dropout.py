"""Dropout without hidden random state: a function of the layer's key, the call and the replica."""

from typing import Any

import tensorflow as tf
import tf_keras

_ALGORITHM = 'philox'  # the same bits on every device, with XLA and without


def _fold_in(key: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
  return tf.random.fold_in(key, tf.cast(number, tf.int32), alg=_ALGORITHM)


def _random_key(shape: tf.TensorShape, dtype: tf.DType, **kwargs: Any) -> tf.Tensor:
  return tf.random.uniform(shape, 0, 2**31 - 1, dtype)


class Dropout(tf_keras.layers.Layer):
  """Zeroes a share of its inputs while training and scales the rest up.

  Key and number of calls are weights, so checkpoints hold them and a resumed run drops the same
  units as an uninterrupted one. Source: Srivastava et al. 2014, JMLR 15.
  """

  def __init__(self, rate: float, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.rate = rate

  def build(self, input_shape: tf.TensorShape) -> None:
    """Adds the key, from the global seed, and the counter."""
    del input_shape
    self.key = self.add_weight(
      name='key', shape=[2], dtype=tf.int32, initializer=_random_key, trainable=False
    )
    self.calls = self.add_weight(
      name='calls',
      shape=[],
      dtype=tf.int64,
      initializer='zeros',
      trainable=False,
      synchronization=tf.VariableSynchronization.ON_READ,
      aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """Drops units of `inputs`, of any shape."""
    if not training or not self.rate:
      return inputs
    context = tf.distribute.get_replica_context()
    replica = context.replica_id_in_sync_group if context else 0
    key = _fold_in(tf.convert_to_tensor(self.key), replica)
    key = _fold_in(key, self.calls)
    self.calls.assign_add(1)
    # A byte an element: 256 levels of the rate are fine enough and four times as fast to draw.
    threshold = max(round(self.rate * 256), 1)
    words = tf.random.stateless_uniform(
      [tf.size(inputs) // 4 + 1], key, None, None, tf.int32, alg=_ALGORITHM
    )
    draws = tf.reshape(tf.bitcast(words, tf.uint8), [-1])[: tf.size(inputs)]
    kept = tf.reshape(draws >= tf.cast(threshold, tf.uint8), tf.shape(inputs))
    scale = 256 / (256 - threshold)
    return inputs * tf.cast(kept, inputs.dtype) * tf.cast(scale, inputs.dtype)

  def get_config(self) -> dict[str, Any]:
    """Arguments that rebuild the layer."""
    return super().get_config() | {'rate': self.rate}
