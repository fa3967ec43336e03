"""Fine-tuning of a generator that must make do with less, on the pictures of the one that need not.

Legend: N samples, Z latent size.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Tuning:
  """What every fine-tuning needs."""

  teacher: tf_keras.Model  # latents (, labels) -> images in [-1, 1], float32
  inputs: Sequence[np.ndarray]  # latents [N, Z] (, labels [N]), drawn as in use; N = 64 * steps
  learning_rate: float  # of Adam at the first step; falls to 0 along a cosine
  # Told of each step: the steps done, the mean squared error so far of pictures in [-1, 1].
  on_step: Callable[[int, float], None] = lambda step, loss: None

  @property
  def num_steps(self) -> int:
    """How many batches the inputs make."""
    return len(self.inputs[0]) // BATCH_SIZE

  def teach(
    self, student: tf_keras.Model, callbacks: Sequence[tf_keras.callbacks.Callback] = ()
  ) -> None:
    """Trains `student` in place to make the teacher's pictures.

    Args:
      student: the same inputs and outputs as the teacher.
      callbacks: of Keras, for what else must happen at each step.
    """
    rate = tf_keras.optimizers.schedules.CosineDecay(self.learning_rate, self.num_steps)
    student.compile(tf_keras.optimizers.Adam(rate), 'mse')
    progress = tf_keras.callbacks.LambdaCallback(
      on_batch_end=lambda step, logs: self.on_step(step + 1, float(logs['loss']))
    )
    student.fit(self._batches(), verbose=0, callbacks=[progress, *callbacks])

  def _batches(self) -> tf.data.Dataset:
    """Pairs of inputs and the teacher's pictures of them."""

    def with_pictures(*batch: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
      return batch, self.teacher(list(batch), training=False)

    inputs = tf.data.Dataset.from_tensor_slices(tuple(self.inputs))
    return inputs.batch(BATCH_SIZE, drop_remainder=True).map(with_pictures)
