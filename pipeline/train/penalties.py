"""Penalties on the discriminator's gradient, and on what either network should not change.

Legend: B batch, H height, W width, C channels, Z latent.
"""

import tensorflow as tf

from pipeline.train import random

_TINY = 1e-12  # the root's own gradient is infinite at zero


def squared_gradient_norm(image_gradients: tf.Tensor) -> tf.Tensor:
  """Squared norm of D's gradient at each image: R1 at real images, R2 at generated ones.

  Source: Mescheder et al. 2018, arXiv:1801.04406, eq. 9.

  Args:
    image_gradients: [B, H, W, C], d logits / d images, in logits per unit of pixel range [-1, 1].

  Returns:
    [B] float32, >= 0. Multiply by gamma / 2.
  """
  return tf.reduce_sum(tf.square(tf.cast(image_gradients, tf.float32)), axis=[1, 2, 3])


def gradient_norm_off_one(image_gradients: tf.Tensor) -> tf.Tensor:
  """Squared distance of the gradient's norm from 1, of WGAN-GP and of DRAGAN.

  Source: Gulrajani et al. 2017, arXiv:1704.00028, eq. 3; Kodali et al. 2017, arXiv:1705.07215.

  Args:
    image_gradients: as above, at `between` or at `around`.

  Returns:
    [B] float32, >= 0. Multiply by lambda.
  """
  return tf.square(tf.sqrt(squared_gradient_norm(image_gradients) + _TINY) - 1)


def between(real_images: tf.Tensor, fake_images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
  """A random point on the line from each real image to its generated one: [B, H, W, C].

  Source: Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.
  """
  share = random.uniform([tf.shape(real_images)[0], 1, 1, 1], key)
  return real_images + share * (fake_images - real_images)


def around(real_images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
  """A random point on the line from each real image to itself under noise: [B, H, W, C].

  Source: Kodali et al. 2017, arXiv:1705.07215, with its authors' noise, up to half the batch's
  standard deviation.
  """
  for_noise, for_share = random.split(key, 2)
  noise = random.uniform(tf.shape(real_images), for_noise)
  noisy_images = real_images + 0.5 * tf.math.reduce_std(real_images) * noise
  return between(real_images, noisy_images, for_share)


def inconsistency(logits: tf.Tensor, augmented_logits: tf.Tensor) -> tf.Tensor:
  """Squared change of the logit when the real image is augmented: [B] float32.

  Source: Zhang et al. 2020, arXiv:1910.12027, eq. 3.
  """
  return tf.square(logits - augmented_logits)


def similarity(
  images: tf.Tensor, other_images: tf.Tensor, latents: tf.Tensor, other_latents: tf.Tensor
) -> tf.Tensor:
  """How little images of two latents differ for the latents' own difference: mode seeking.

  Source: Mao et al. 2019, arXiv:1903.05628, eq. 3; the batch's means, inverted, as in its authors'
  code: one pair that happens to be alike does not outweigh all others.

  Args:
    images: [B, H, W, C] of `latents`, [B, Z].
    other_images: the same labels from `other_latents`.

  Returns:
    Scalar float32, > 0. Multiply by a weight; the generator minimises it.
  """
  image_distance = tf.reduce_mean(tf.abs(images - other_images))
  latent_distance = tf.reduce_mean(tf.abs(latents - other_latents))
  return latent_distance / (image_distance + 1e-5)
