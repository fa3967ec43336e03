"""The default pair: label-conditional, small enough for a phone, quick on a CPU.

Legend: B batch, Z latent size, K classes. The generator upsamples by a convolution and a
depth_to_space shuffle: the cheapest way in INT8, and one that every mobile delegate computes
rightly, unlike a stride-2 transposed convolution with kernel 3 or 5 on a 7x7 map. The
discriminator has no normalisation, which a gradient penalty needs, and one logit a class, of
which the label's is taken.
"""

import tensorflow as tf
import tf_keras

from pipeline.networks import convolution, heads, layers, parts
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers


def _normalise_activate(x: tf.Tensor) -> tf.Tensor:
  return L.ReLU()(L.BatchNormalization()(x))


def generator(spec: ModelSpec) -> tf_keras.Model:
  """Latents (and labels) to images: [B, Z] (, [B]) -> [B, H, W, C] in [-1, 1]; H and W are 4n."""
  height, width, channels = spec.image_shape
  rows, columns = height // 4, width // 4
  deep, shallow = parts.width(spec, 96), parts.width(spec, 48)
  inputs, x = parts.generator_input(spec)
  x = _normalise_activate(L.Dense(rows * columns * deep, use_bias=False)(x))
  x = L.Reshape([rows, columns, deep])(x)
  x = _normalise_activate(convolution.Conv2D(deep, 3, padding='same', use_bias=False)(x))
  x = _normalise_activate(convolution.Conv2D(4 * shallow, 3, padding='same', use_bias=False)(x))
  x = layers.DepthToSpace()(x)
  x = _normalise_activate(convolution.Conv2D(shallow, 3, padding='same', use_bias=False)(x))
  x = layers.DepthToSpace()(convolution.Conv2D(4 * channels, 3, padding='same')(x))
  images = parts.images(x)
  return tf_keras.Model(inputs, images, name='generator')


def discriminator(spec: ModelSpec) -> tf_keras.Model:
  """Images (and labels) to logits: [B, H, W, C] in [-1, 1] (, [B]) -> [B]."""
  images = tf_keras.Input(spec.image_shape, name='images')
  x: tf.Tensor = images
  for filters, kernel, stride in ((48, 4, 2), (96, 4, 2), (128, 3, 1)):
    x = L.LeakyReLU(0.2)(parts.conv(spec, filters, kernel, stride)(x))
  # A strided convolution of an odd map costs three times as much as this one on a CPU.
  padding = 'valid' if min(x.shape[1:3]) >= 3 else 'same'
  x = L.LeakyReLU(0.2)(parts.conv(spec, 128, 3, padding=padding)(x))
  x = parts.dropout(spec, 0.0, x)
  return heads.discriminator(spec, images, x)
