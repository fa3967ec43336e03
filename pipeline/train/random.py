"""Random numbers without state: a function of what they are for, and of seed, step and replica."""

import tensorflow as tf

LATENTS = 1  # the purposes; a new one takes a new number
INPUTS = 2
WRONG_LABELS = 3


def key(seed: int, purpose: int, step: tf.Tensor, replica: tf.Tensor | int = 0) -> tf.Tensor:
  """A [2] int32 seed for `tf.random.stateless_*`."""
  folded = tf.constant([seed, purpose], tf.int32)
  for number in (step, replica):
    folded = tf.random.fold_in(folded, tf.cast(number, tf.int32))
  return folded
