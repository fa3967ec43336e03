"""Pictures of the averaged generator at fixed latents, to be compared over a run."""

import PIL.Image
import tensorflow as tf
import tf_keras

from pipeline import pictures
from pipeline.generator import to_pixels
from pipeline.latents import latents_from_seeds
from pipeline.networks import ModelSpec

_PER_CLASS = 10  # columns; a row a class
_UNLABELLED = 100


class SampleGrid:
  """The same latents and labels every time."""

  def __init__(self, spec: ModelSpec, generator: tf_keras.Model) -> None:
    number = spec.num_classes * _PER_CLASS or _UNLABELLED
    self._inputs = [latents_from_seeds(tf.range(number, dtype=tf.int64), spec.latent_size)]
    if spec.is_conditional:
      self._inputs.append(tf.repeat(tf.range(spec.num_classes), _PER_CLASS))
    self._generate = tf.function(lambda inputs: generator(inputs, training=False))

  def draw(self) -> PIL.Image.Image:
    """The grid as it looks now."""
    images = tf.cast(self._generate(self._inputs), tf.float32).numpy()
    return pictures.grid(to_pixels((images + 1) / 2), _PER_CLASS)
