"""Both networks' gradients from one pass through the discriminator, forwards and backwards.

Where the logit of an image is a function of that image alone, both losses reach a generated image
through its logit, so what they say to its pixels differs by a factor: the ratio of their slopes at
the logit. One pass back serves both networks, of real and generated images together.

Legend: B batch, H height, W width, C channels.
"""

import tensorflow as tf
import tf_keras

from pipeline.config import TrainConfig
from pipeline.networks import Pair
from pipeline.networks.minibatch import MinibatchDiscrimination, MinibatchStddev

# The least slope of the discriminator's loss, in units of 1 / B: where that loss is flat, as the
# hinge is, it would say nothing to the pixels. It moves the weights by a millionth.
_LEAST_SLOPE = 2.0**-20
_MIXES_IMAGES = (tf_keras.layers.BatchNormalization, MinibatchDiscrimination, MinibatchStddev)


def is_exact(pair: Pair, config: TrainConfig) -> bool:
  """Whether every image has a logit of its own, through which both losses reach generated ones."""
  layers = pair.discriminator._flatten_layers()
  mixes_images = any(isinstance(layer, _MIXES_IMAGES) for layer in layers)
  sees_fakes = config.r2_gamma or config.wgan_gp_weight or config.conditioning == 'auxiliary'
  return not mixes_images and not sees_fakes


def features(
  pair: Pair, real_images: tf.Tensor, fake_images: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """What the discriminator sees in both: [B, F] each."""
  images = tf.concat([real_images, tf.cast(fake_images, real_images.dtype)], axis=0)
  real_features, fake_features = tf.split(pair.features(images, training=True), 2)
  return real_features, fake_features


def gradients(
  tape: tf.GradientTape,
  pair: Pair,
  losses: tuple[tf.Tensor, tf.Tensor],
  fake_images: tf.Tensor,
  fake_logits: tf.Tensor,
  generator_terms: tf.Tensor,
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
  """Gradients of the generator's and of the discriminator's variables.

  Args:
    tape: persistent, with the whole step.
    pair: the networks.
    losses: the generator's adversarial loss, and all that the discriminator minimises.
    fake_images: [B, H, W, C], as the discriminator saw them.
    fake_logits: [B].
    generator_terms: what else the generator minimises, not through the discriminator.
  """
  generator_slope, slope = (tape.gradient(loss, fake_logits) for loss in losses)
  least = _LEAST_SLOPE / tf.cast(tf.size(slope), slope.dtype)
  lacking = tf.where(tf.abs(slope) < least, least - slope, 0.0)
  *discriminator_gradients, image_gradients = tape.gradient(
    [losses[1], fake_logits],
    [*pair.discriminator.trainable_variables, fake_images],
    output_gradients=[tf.ones_like(losses[1]), lacking],
  )
  ratio = tf.cast(generator_slope / (slope + lacking), image_gradients.dtype)
  generator_gradients = tape.gradient(
    [fake_images, generator_terms],
    pair.generator.trainable_variables,
    output_gradients=[
      image_gradients * ratio[:, None, None, None],
      tf.ones_like(generator_terms),
    ],
  )
  return generator_gradients, discriminator_gradients
