"""What the discriminator sees of an image: augmented, and under noise that fades."""

import dataclasses

import tensorflow as tf

from pipeline.config.train import TrainConfig
from pipeline.train import augmentation, random
from pipeline.train.random import Draw


@dataclasses.dataclass(frozen=True)
class Views:
  """The same treatment for real and for generated images, drawn apart."""

  config: TrainConfig
  draw: Draw
  strength: tf.Tensor  # scalar, the probability of an augmentation

  def of_real(self, images: tf.Tensor) -> tf.Tensor:
    """[B, H, W, C] -> [B, H, W, C]."""
    return self._view(images, 0)

  def of_fake(self, images: tf.Tensor) -> tf.Tensor:
    """[B, H, W, C] -> [B, H, W, C]; gradients pass."""
    return self._view(images, 1)

  def _view(self, images: tf.Tensor, side: int) -> tf.Tensor:
    config = self.config
    if config.augment != 'none':
      key = random.fold_in(self.draw.key(random.AUGMENTATION), side)
      operations = config.augment_operations.split(',')
      images = augmentation.augment(images, operations, self.strength, key)
    if config.instance_noise:
      key = random.fold_in(self.draw.key(random.INSTANCE_NOISE), side)
      noise = random.normal(tf.shape(images), key)
      images += tf.cast(self._noise_level() * noise, images.dtype)
    return images

  def _noise_level(self) -> tf.Tensor:
    """Standard deviation of the instance noise, falling to zero on a line.

    Source: Sønderby et al. 2017, arXiv:1610.04490, section 3.
    """
    config = self.config
    step = self.draw.update // config.batches_per_step
    last = config.instance_noise_steps or config.train_steps
    remaining = 1 - tf.cast(step, tf.float32) / last
    return config.instance_noise * tf.maximum(remaining, 0.0)
