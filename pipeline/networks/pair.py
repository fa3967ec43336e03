"""A generator and a discriminator, called the same way with labels or without.

Legend: B batch, H height, W width, C channels, Z latent, F features, K classes.
"""

import dataclasses

import tensorflow as tf
import tf_keras


@dataclasses.dataclass(frozen=True)
class Pair:
  """A generator and the discriminator it is trained against; logits are float32 in any policy."""

  generator: tf_keras.Model
  discriminator: tf_keras.Model  # of two parts: body and head, as in pipeline.networks.heads
  num_classes: int  # 0 without labels

  def generate(self, latents: tf.Tensor, labels: tf.Tensor, training: bool) -> tf.Tensor:
    """Images [B, H, W, C] in [-1, 1] of latents [B, Z]; labels [B] are unused without classes."""
    return _call(self.generator, latents, labels, training)

  def features(self, images: tf.Tensor, training: bool) -> tf.Tensor:
    """What the discriminator's body sees in images: [B, F]."""
    return self.discriminator.get_layer('body')(images, training=training)

  def logits(self, features: tf.Tensor, labels: tf.Tensor, training: bool) -> tf.Tensor:
    """The discriminator's logits [B] of images with these features and labels."""
    return tf.cast(tf.nest.flatten(self._head(features, labels, training))[0], tf.float32)

  def class_logits(self, features: tf.Tensor, training: bool) -> tf.Tensor:
    """The auxiliary classifier's logits [B, K]."""
    return tf.cast(self._head(features, None, training)[1], tf.float32)

  def discriminate(self, images: tf.Tensor, labels: tf.Tensor, training: bool) -> tf.Tensor:
    """Logits [B]."""
    return self.logits(self.features(images, training), labels, training)

  def _head(
    self, features: tf.Tensor, labels: tf.Tensor | None, training: bool
  ) -> tf.Tensor | list[tf.Tensor]:
    return _call(self.discriminator.get_layer('head'), features, labels, training)


def _call(
  model: tf_keras.Model, x: tf.Tensor, labels: tf.Tensor | None, training: bool
) -> tf.Tensor | list[tf.Tensor]:
  """Calls a model that may or may not take labels."""
  return model([x, labels][: len(model.inputs)], training=training)
