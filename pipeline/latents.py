"""Latents from seeds, bit for bit the same in any batch, process and machine.

Legend: B batch, Z latent size.

A seed's words and a coordinate's number are mixed by an integer hash; the top bits of the result
choose one of 4,096 quantiles of the standard normal distribution from a table. No floating-point
arithmetic takes place, so there is nothing that a compiler, a thread count or a processor could
round differently, and each row depends on its own seed alone.
"""

import functools
import statistics

import numpy as np
import tensorflow as tf

TABLE_BITS = 12
_GOLDEN_RATIO = 0x9E3779B9  # 2^32 / phi: an odd stride that spreads counters over all 32 bits


@functools.cache
def quantile_table() -> np.ndarray:
  """Midpoints of 4,096 equally likely slices of the standard normal distribution.

  Computed in float64 and rounded once, so the float32 values agree on every machine. An exported
  model holds the table as a constant.

  Returns:
    [4096] float32, ascending, symmetric about zero; the ends are at -3.67 and 3.67.
  """
  size = 1 << TABLE_BITS
  inverse = statistics.NormalDist().inv_cdf
  upper = [inverse((i + 0.5) / size) for i in range(size // 2, size)]
  return np.array([-q for q in reversed(upper)] + upper, np.float32)


def latents_from_seeds(seeds: tf.Tensor, latent_size: int) -> tf.Tensor:
  """The latents that `seeds` stand for.

  Args:
    seeds: [B] int64, any value; all 64 bits count.
    latent_size: Z.

  Returns:
    [B, Z] float32, standard normal in 4,096 steps (variance 0.9997).
  """
  seeds = tf.cast(seeds, tf.int64)[:, None]
  low = _word(seeds)
  high = _word(tf.bitwise.right_shift(seeds, tf.constant(32, tf.int64)))
  # Two keys: one of 32 bits would make every 65,000th pair of 64-bit seeds or so the same picture.
  key = _mix(low + _mix(high + _constant(_GOLDEN_RATIO)))
  second_key = _mix(high + _mix(low + key))
  counters = np.arange(1, latent_size + 1, dtype=np.uint32) * np.uint32(_GOLDEN_RATIO)
  words = _mix(_mix(tf.constant(counters)[None, :] + key) + second_key)
  top_bits = tf.bitwise.right_shift(words, _constant(32 - TABLE_BITS))
  return tf.gather(tf.constant(quantile_table()), tf.cast(top_bits, tf.int32))


def _mix(x: tf.Tensor) -> tf.Tensor:
  """A bijection of uint32 in which each input bit flips each output bit half the time.

  Source: "lowbias32", Wellons 2018, https://nullprogram.com/blog/2018/07/31/.
  """
  x = _xor_shift(x, 16) * _constant(0x7FEB352D)
  x = _xor_shift(x, 15) * _constant(0x846CA68B)
  return _xor_shift(x, 16)


def _xor_shift(x: tf.Tensor, bits: int) -> tf.Tensor:
  return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, _constant(bits)))


def _word(x: tf.Tensor) -> tf.Tensor:
  """The low 32 bits; masked first, so that the cast never leaves the range of uint32."""
  return tf.cast(tf.bitwise.bitwise_and(x, tf.constant(0xFFFFFFFF, tf.int64)), tf.uint32)


def _constant(value: int) -> tf.Tensor:
  return tf.constant(value, tf.uint32)
