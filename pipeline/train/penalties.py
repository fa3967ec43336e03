"""Gradient penalties on the discriminator."""

import tensorflow as tf


def squared_gradient_norm(image_gradients: tf.Tensor) -> tf.Tensor:
  """Squared norm of D's gradient at each image: R1 at real images, R2 at generated ones.

  Source: Mescheder et al. 2018, arXiv:1801.04406, eq. 9.

  Args:
    image_gradients: [B, H, W, C], d logits / d images, in logits per unit of pixel range [-1, 1].

  Returns:
    [B] float32, >= 0. Multiply by gamma / 2.
  """
  return tf.reduce_sum(tf.square(tf.cast(image_gradients, tf.float32)), axis=[1, 2, 3])
