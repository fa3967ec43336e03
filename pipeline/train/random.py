"""Random numbers without state: a function of their purpose and of seed, update and replica."""

import dataclasses

import tensorflow as tf

LATENTS = 1  # the purposes; a new one takes a new number
WRONG_LABELS = 2
PENALTY_POINTS = 3
CONSISTENCY = 4
OTHER_LATENTS = 5
AUGMENTATION = 6
INSTANCE_NOISE = 7


_ALGORITHM = 'philox'  # on every device; XLA still makes other floats of its bits


def uniform(
  shape: object, key: tf.Tensor, low: float = 0, high: float = 1, dtype: tf.DType = tf.float32
) -> tf.Tensor:
  """Uniform in [low, high)."""
  return tf.random.stateless_uniform(shape, key, low, high, dtype, alg=_ALGORITHM)


def normal(shape: object, key: tf.Tensor) -> tf.Tensor:
  """Standard normal float32."""
  return tf.random.stateless_normal(shape, key, alg=_ALGORITHM)


def fold_in(key: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
  """A key of its own for each number."""
  return tf.random.fold_in(key, tf.cast(number, tf.int32), alg=_ALGORITHM)


def split(key: tf.Tensor, num: int) -> list[tf.Tensor]:
  """Keys of their own for `num` uses."""
  return [fold_in(key, index) for index in range(num)]


def key(seed: int, purpose: int, update: tf.Tensor, replica: tf.Tensor | int = 0) -> tf.Tensor:
  """A [2] int32 seed for `tf.random.stateless_*`."""
  folded = tf.constant([seed, purpose], tf.int32)
  for number in (update, replica):
    folded = fold_in(folded, number)
  return folded


@dataclasses.dataclass(frozen=True)
class Draw:
  """All that is random in one update of one replica."""

  seed: int
  update: tf.Tensor  # scalar int64, updates so far
  replica: tf.Tensor | int

  def key(self, purpose: int) -> tf.Tensor:
    """A [2] int32 seed for a purpose."""
    return key(self.seed, purpose, self.update, self.replica)
