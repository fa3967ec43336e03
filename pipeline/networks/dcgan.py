"""The DCGAN of the common tutorials and its variants, layer by layer; H and W are multiples of 4.

Source: Radford et al. 2016, arXiv:1511.06434, in the variant with 5x5 kernels and dropout.
"""

import tensorflow as tf
import tf_keras

from pipeline.networks import convolution, heads, parts
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers
_EMBEDDING = 50  # values of a label's embedding
_SLOPE = 0.3  # the Keras default, which the tutorials keep


def generator(spec: ModelSpec) -> tf_keras.Model:
  """Latents (and labels) to images: [B, Z] (, [B]) -> [B, H, W, C] in [-1, 1]."""
  height, width, channels = spec.image_shape
  inputs, x = parts.generator_input(spec, _EMBEDDING)
  x = L.Dense(height // 4 * (width // 4) * 256, use_bias=False)(x)
  x = L.LeakyReLU(_SLOPE)(L.BatchNormalization()(x))
  x = L.Reshape([height // 4, width // 4, 256])(x)
  for filters, stride in ((128, 1), (64, 2)):
    x = convolution.Conv2DTranspose(filters, 5, stride, padding='same', use_bias=False)(x)
    x = L.LeakyReLU(_SLOPE)(L.BatchNormalization()(x))
  x = convolution.Conv2DTranspose(channels, 5, 2, padding='same', use_bias=False)(x)
  return tf_keras.Model(inputs, parts.images(x), name='generator')


def discriminator(spec: ModelSpec) -> tf_keras.Model:
  """Images (and labels) to logits: [B, H, W, C] in [-1, 1] (, [B]) -> [B]."""
  return _strided(spec, kernel=5, slope=_SLOPE, dropout=0.3, filters=(64, 128))


def bn_generator(spec: ModelSpec) -> tf_keras.Model:
  """`dcgan_bn`: fewer layers, batch normalisation with momentum 0.8, a 7x7 output kernel."""
  height, width, channels = spec.image_shape
  inputs, x = parts.generator_input(spec, _EMBEDDING)
  x = L.Dense(height // 4 * (width // 4) * 256)(x)
  x = L.LeakyReLU(_SLOPE)(L.BatchNormalization(momentum=0.8)(x))
  x = L.Reshape([height // 4, width // 4, 256])(x)
  x = convolution.Conv2DTranspose(128, 4, 2, padding='same')(x)
  x = L.LeakyReLU(_SLOPE)(L.BatchNormalization(momentum=0.8)(x))
  x = convolution.Conv2DTranspose(channels, 7, 2, padding='same')(x)
  return tf_keras.Model(inputs, parts.images(x), name='generator')


def bn_discriminator(spec: ModelSpec) -> tf_keras.Model:
  """`dcgan_bn`: 4x4 kernels; the normalisation is the generator's alone."""
  return _strided(spec, kernel=4, slope=_SLOPE, dropout=0.3, filters=(64, 128))


def deconv4_generator(spec: ModelSpec) -> tf_keras.Model:
  """`dcgan_deconv4`: 4x4 transposed convolutions without normalisation, a 7x7 output kernel."""
  height, width, channels = spec.image_shape
  inputs, x = parts.generator_input(spec, _EMBEDDING)
  x = L.LeakyReLU(0.2)(L.Dense(height // 4 * (width // 4) * 128)(x))
  x = L.Reshape([height // 4, width // 4, 128])(x)
  for _ in range(2):
    x = L.LeakyReLU(0.2)(convolution.Conv2DTranspose(128, 4, 2, padding='same')(x))
  x = convolution.Conv2D(channels, 7, padding='same')(x)
  return tf_keras.Model(inputs, parts.images(x), name='generator')


def deconv4_discriminator(spec: ModelSpec) -> tf_keras.Model:
  """`dcgan_deconv4`: two 3x3 convolutions of 64 filters.

  It sees black as 0. The generator, which nothing normalises, goes all black in its first twenty
  steps, where the slope of tanh is next to nothing. Against a discriminator that sees black as -1
  it stays there; against this one it comes back within a hundred steps.
  """
  return _strided(spec, kernel=3, slope=0.2, dropout=0.4, filters=(64, 64), zero_is_black=True)


def _strided(
  spec: ModelSpec,
  *,
  kernel: int,
  slope: float,
  dropout: float,
  filters: tuple[int, ...],
  zero_is_black: bool = False,
) -> tf_keras.Model:
  """Convolutions that halve the image, each followed by a leaky ReLU and dropout."""
  images = tf_keras.Input(spec.image_shape, name='images')
  x: tf.Tensor = images
  if zero_is_black:
    x = L.Rescaling(0.5, 0.5, dtype='float32')(x)
  for number in filters:
    x = L.LeakyReLU(slope)(parts.conv(spec, number, kernel, 2)(x))
    x = parts.dropout(spec, dropout, x)
  return heads.discriminator(spec, images, x)
