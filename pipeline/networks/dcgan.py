"""The DCGAN of the common tutorials, layer by layer as RECIPES lists it; unconditional.

Source: Radford et al. 2016, arXiv:1511.06434, in the variant with 5x5 kernels and dropout.
"""

import tensorflow as tf
import tf_keras

from pipeline.networks import heads
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers
_SLOPE = 0.3


def generator(spec: ModelSpec) -> tf_keras.Model:
  """Latents to images: [B, Z] -> [B, H, W, C] in [-1, 1]; H and W are multiples of 4."""
  height, width, channels = spec.image_shape
  latents = tf_keras.Input([spec.latent_size], name='latents')
  x = L.Dense(height // 4 * (width // 4) * 256, use_bias=False)(latents)
  x = L.LeakyReLU(_SLOPE)(L.BatchNormalization()(x))
  x = L.Reshape([height // 4, width // 4, 256])(x)
  for filters, stride in ((128, 1), (64, 2)):
    x = L.Conv2DTranspose(filters, 5, stride, padding='same', use_bias=False)(x)
    x = L.LeakyReLU(_SLOPE)(L.BatchNormalization()(x))
  x = L.Conv2DTranspose(channels, 5, 2, padding='same', use_bias=False)(x)
  return tf_keras.Model([latents], L.Activation('tanh', name='images')(x), name='generator')


def discriminator(spec: ModelSpec) -> tf_keras.Model:
  """Images to logits: [B, H, W, C] in [-1, 1] -> [B]."""
  images = tf_keras.Input(spec.image_shape, name='images')
  x: tf.Tensor = images
  for filters in (64, 128):
    x = L.Conv2D(filters, 5, 2, padding='same')(x)
    x = L.Dropout(0.3)(L.LeakyReLU(_SLOPE)(x))
  body = tf_keras.Model(images, L.Flatten()(x), name='body')
  return heads.discriminator(spec, body, heads.logit_per_class(spec, body.output_shape[-1]))
