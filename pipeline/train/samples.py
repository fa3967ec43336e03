"""Pictures of the averaged generator at fixed latents, to be compared over a run."""

import numpy as np
import PIL.Image
import tensorflow as tf
import tf_keras

from pipeline import pictures
from pipeline.generator import to_pixels
from pipeline.latents import latents_from_seeds
from pipeline.networks import ModelSpec

_PER_CLASS = 10  # columns, unless the settings say another; a row a class
_UNLABELLED_ROWS = 10


class SampleGrid:
  """The same latents and labels every time."""

  def __init__(
    self, spec: ModelSpec, generator: tf_keras.Model, shape: str, real: np.ndarray | None
  ) -> None:
    """Fixes what is drawn.

    Args:
      spec: of the pair.
      generator: the averaged one.
      shape: 'ROWSxCOLUMNS'; empty for a row a class. A label is asked for in each row.
      real: uint8 [N, H, W, C], to stand beside the generated images; or None.
    """
    default = f'{spec.num_classes or _UNLABELLED_ROWS}x{_PER_CLASS}'
    self._rows, self._columns = map(int, (shape or default).split('x'))
    number = self._rows * self._columns
    self._inputs = [latents_from_seeds(tf.range(number, dtype=tf.int64), spec.latent_size)]
    if spec.is_conditional:
      labels = tf.range(number, dtype=tf.int32) // self._columns % spec.num_classes
      self._inputs.append(labels)
    self._real = None if real is None else _repeated(real, number)
    self._generate = tf.function(lambda inputs: generator(inputs, training=False), autograph=False)

  def draw(self) -> PIL.Image.Image:
    """The grid as it looks now; real images stand to the right of a gap."""
    images = tf.cast(self._generate(self._inputs), tf.float32).numpy()
    pixels = to_pixels((images + 1) / 2)
    if self._real is None:
      return pictures.grid(pixels, self._columns)
    shape = (self._rows, self._columns, *pixels.shape[1:])
    gap = np.full((self._rows, 1, *pixels.shape[1:]), pictures.BACKGROUND, np.uint8)
    beside = [pixels.reshape(shape), gap, self._real.reshape(shape)]
    together = np.concatenate(beside, axis=1).reshape(-1, *pixels.shape[1:])
    return pictures.grid(together, 2 * self._columns + 1)


def _repeated(images: np.ndarray, number: int) -> np.ndarray:
  return images[np.arange(number) % len(images)]
