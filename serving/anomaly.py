"""How far an image is from what a generator of normal images can draw.

Schlegl et al. 2019, "f-AnoGAN", doi:10.1016/j.media.2019.01.010, eq. 4 and 5: an encoder finds the
latent, the generator redraws the image, and both are compared by pixels and by what the
discriminator sees in them. Legend: B batch, H height, W width, C channels, Z latent, F features.
"""

import dataclasses

import tensorflow as tf
import tf_keras

FEATURE_WEIGHT = 1.0  # kappa of eq. 4


@dataclasses.dataclass(frozen=True)
class Detector:
  """The networks that judge an image."""

  generator: tf_keras.Model  # [B, Z] -> [B, H, W, C] in [-1, 1]
  encoder: tf_keras.Model  # [B, H, W, C] in [-1, 1] -> [B, Z]
  features: tf_keras.Model  # [B, H, W, C] in [-1, 1] -> [B, F]: the discriminator's

  def __call__(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Judges images [B, H, W, C] in [0, 1].

    Returns:
      anomaly_score: float32 [B], 0 for an image that is redrawn as it is.
      reconstruction: float32 [B, H, W, C] in [0, 1].
    """
    images = images * 2 - 1
    redrawn = self.generator(self.encoder(images, training=False), training=False)
    seen, seen_again = (self.features(each, training=False) for each in (images, redrawn))
    of_pixels = tf.reduce_mean(tf.square(images - redrawn), axis=[1, 2, 3])
    of_features = tf.reduce_mean(tf.square(seen - seen_again), axis=1)
    return {
      'anomaly_score': of_pixels + FEATURE_WEIGHT * of_features,
      'reconstruction': (redrawn + 1) / 2,
    }


def features_of(discriminator: tf_keras.Model) -> tf_keras.Model:
  """The discriminator without its last part."""
  return discriminator.get_layer('body')
