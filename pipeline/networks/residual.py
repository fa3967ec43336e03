"""A residual pair for grey or colour images of 28 to 128 pixels.

Legend: B batch, Z latent, H height, W width, C channels. The side is a power of two times 4 to 7:
28 = 7 * 4, 32 = 4 * 8, 48 = 6 * 8, 64 = 4 * 16, 128 = 4 * 32. Beside the skips resampling is
anti-aliased by a binomial filter (Zhang 2019, arXiv:1904.11486) or, upward, a depth_to_space
shuffle. The generator's blocks: He et al. 2016, arXiv:1603.05027, as in arXiv:1801.04406; those of
the discriminator activate after the sum.
"""

import tensorflow as tf
import tf_keras

from pipeline.networks import convolution, heads, layers, parts
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers
_SMALLEST = 4  # side of the first map, at least
_WIDEST, _NARROWEST = 256, 32  # channels of the smallest and of the largest map


def num_doublings(size: int) -> int:
  """How often the first map is doubled to reach `size`."""
  count = 0
  while size % 2 == 0 and size // 2 >= _SMALLEST:
    size, count = size // 2, count + 1
  return count


def _widths(count: int) -> list[int]:
  """Channels of the maps from the smallest up, `count` + 1 of them."""
  return [max(_WIDEST >> level, _NARROWEST) for level in range(count + 1)]


def generator(spec: ModelSpec) -> tf_keras.Model:
  """Latents (and labels) to images: [B, Z] (, [B]) -> [B, H, W, C] in [-1, 1]."""
  height, width, channels = spec.image_shape
  count = min(num_doublings(height), num_doublings(width))
  rows, columns = height >> count, width >> count
  inputs, x = parts.generator_input(spec)
  widths = [parts.width(spec, channels) for channels in _widths(count)]
  x = L.Reshape([rows, columns, widths[0]])(L.Dense(rows * columns * widths[0])(x))
  for filters in widths[1:]:
    skip = convolution.Conv2D(filters, 1, use_bias=False)(x)
    skip = layers.Doubled()(skip)
    y = L.ReLU()(L.BatchNormalization()(x))
    y = _upsampled(spec, filters, y)
    y = L.ReLU()(L.BatchNormalization()(y))
    y = convolution.Conv2D(filters, 3, padding='same', use_bias=False)(y)
    x = L.Add()([skip, y])
  x = L.ReLU()(L.BatchNormalization()(x))
  x = convolution.Conv2D(channels, 3, padding='same')(x)
  return tf_keras.Model(inputs, parts.images(x), name='generator')


def _upsampled(spec: ModelSpec, filters: int, x: tf.Tensor) -> tf.Tensor:
  """[B, h, w, c] -> [B, 2h, 2w, filters] through a 3x3 convolution."""
  if spec.upsampling == 'depth_to_space':
    return layers.DepthToSpace()(
      convolution.Conv2D(4 * filters, 3, padding='same', use_bias=False)(x)
    )
  x = convolution.Conv2D(filters, 3, padding='same', use_bias=False)(x)
  return layers.Blur()(layers.Doubled()(x))


def discriminator(spec: ModelSpec) -> tf_keras.Model:
  """Images (and labels) to logits: [B, H, W, C] in [-1, 1] (, [B]) -> [B]."""
  images = tf_keras.Input(spec.image_shape, name='images')
  count = min(num_doublings(size) for size in spec.image_shape[:2])
  widths = _widths(count)[::-1]
  x = L.LeakyReLU(0.2)(parts.conv(spec, widths[0], 3)(images))
  for filters in widths[1:]:
    skip = parts.conv(spec, filters, 1, use_bias=False)(L.AveragePooling2D()(x))
    y = L.LeakyReLU(0.2)(parts.conv(spec, filters, 3)(x))
    y = L.AveragePooling2D()(layers.Blur()(y))
    y = parts.conv(spec, filters, 3)(y)
    x = L.LeakyReLU(0.2)(L.Add()([skip, y]))
  x = parts.dropout(spec, 0.0, x)
  return heads.discriminator(spec, images, x)
