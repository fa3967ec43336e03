"""The DCGAN of 64x64 images; H and W are multiples of 16.

Source: Radford et al. 2016, arXiv:1511.06434, with the initial weights of its section 4.
"""

from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.networks import convolution, heads, parts
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers
_EMBEDDING = 50


def _weights(mean: float = 0.0) -> tf_keras.initializers.Initializer:
  return tf_keras.initializers.RandomNormal(mean, 0.02)


def _settings() -> dict[str, Any]:
  """Of each convolution, with an initialiser of its own: a shared one repeats its values."""
  return {'use_bias': False, 'kernel_initializer': _weights()}


def _norm() -> tf_keras.layers.Layer:
  return L.BatchNormalization(gamma_initializer=_weights(1.0))


def generator(spec: ModelSpec) -> tf_keras.Model:
  """Latents (and labels) to images: [B, Z] (, [B]) -> [B, H, W, C] in [-1, 1]."""
  height, width, channels = spec.image_shape
  inputs, x = parts.generator_input(spec, _EMBEDDING)
  x = L.Reshape([1, 1, x.shape[-1]])(x)
  x = convolution.Conv2DTranspose(1024, (height // 16, width // 16), **_settings())(x)
  x = L.ReLU()(_norm()(x))
  for filters in (512, 256, 128):
    x = L.ReLU()(
      _norm()(convolution.Conv2DTranspose(filters, 4, 2, padding='same', **_settings())(x))
    )
  x = convolution.Conv2DTranspose(channels, 4, 2, padding='same', **_settings())(x)
  return tf_keras.Model(inputs, parts.images(x), name='generator')


def discriminator(spec: ModelSpec) -> tf_keras.Model:
  """Images (and labels) to logits: [B, H, W, C] in [-1, 1] (, [B]) -> [B].

  The table's last convolution covers the whole map: it is the head's linear layer.
  """
  images = tf_keras.Input(spec.image_shape, name='images')
  x: tf.Tensor = L.LeakyReLU(0.2)(parts.conv(spec, 64, 4, 2, **_settings())(images))
  for filters in (128, 256, 512):
    x = L.LeakyReLU(0.2)(_norm()(parts.conv(spec, filters, 4, 2, **_settings())(x)))
    x = parts.dropout(spec, 0.0, x)
  return heads.discriminator(spec, images, x, _weights)
