"""The fully connected GAN of the tutorials, on pixels in [0, 1] inside.

Source: Goodfellow et al. 2014, arXiv:1406.2661, with the layer sizes of the tutorials.
"""

import math

import tensorflow as tf
import tf_keras

from pipeline.networks import heads, parts
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers
_EMBEDDING = 10


def generator(spec: ModelSpec) -> tf_keras.Model:
  """Latents (and labels) to images: [B, Z] (, [B]) -> [B, H, W, C] in [-1, 1]."""
  inputs, x = parts.generator_input(spec, _EMBEDDING)
  x = L.Dense(128, activation='relu')(x)
  x = L.Reshape(spec.image_shape)(L.Dense(math.prod(spec.image_shape))(x))
  # The sigmoid of x, moved from [0, 1] to [-1, 1], is tanh(x / 2), which quantises to grey levels.
  x = parts.images(L.Rescaling(0.5)(x))
  return tf_keras.Model(inputs, x, name='generator')


def discriminator(spec: ModelSpec) -> tf_keras.Model:
  """Images (and labels) to logits: [B, H, W, C] in [-1, 1] (, [B]) -> [B]."""
  images = tf_keras.Input(spec.image_shape, name='images')
  x: tf.Tensor = L.Flatten()(L.Rescaling(0.5, 0.5)(images))
  x = L.ReLU()(parts.dense(spec, 128)(x))
  x = parts.dropout(spec, 0.0, x)
  return heads.discriminator(spec, images, x)
