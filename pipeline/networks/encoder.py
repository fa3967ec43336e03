"""From images back to latents, for a generator that must redraw an image to judge it.

Legend: B batch, Z latent size, H height, W width, C channels.
"""

import tf_keras

from pipeline.networks import convolution
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers
_SMALLEST = 8  # side of the last map, at most
_NARROWEST, _WIDEST = 32, 256  # channels of the largest and of the smallest map


def encoder(spec: ModelSpec) -> tf_keras.Model:
  """Images to latents: [B, H, W, C] in [-1, 1] -> [B, Z]."""
  images = tf_keras.Input(spec.image_shape, name='images')
  x, filters = images, _NARROWEST
  while max(x.shape[1:3]) > _SMALLEST:
    x = convolution.Conv2D(filters, 4, 2, padding='same')(x)
    x = L.LeakyReLU(0.2)(x)
    filters = min(2 * filters, _WIDEST)
  x = L.LeakyReLU(0.2)(convolution.Conv2D(filters, 3, padding='same')(x))
  latents = L.Dense(spec.latent_size, name='latents')(L.Flatten()(x))
  return tf_keras.Model(images, latents, name='encoder')
