"""Differentiable augmentation of all that the discriminator sees, and its adaptive strength.

Legend: B batch, H height, W width, C channels. Images lie in [-1, 1] and -1 is black, which fills
what an operation uncovers. Everything is a matrix product or a sum, so gradients reach the
generator and XLA compiles it. Source of the operations: Zhao et al. 2020, arXiv:2006.10738.
"""

from collections.abc import Sequence

import tensorflow as tf

from pipeline.train import random

_SHIFT = 1 / 8  # of the side, at most, either way
_CUT = 1 / 2  # of the side


def augment(
  images: tf.Tensor, operations: Sequence[str], probability: tf.Tensor, key: tf.Tensor
) -> tf.Tensor:
  """Applies each operation to each image with a probability.

  Args:
    images: [B, H, W, C] in [-1, 1].
    operations: names in OPERATIONS, in this order.
    probability: scalar in [0, 1].
    key: [2] int32, seed of all that is drawn.

  Returns:
    [B, H, W, C]; colour may leave [-1, 1].
  """
  for index, name in enumerate(operations):
    if name == 'color' and images.shape[-1] == 1:
      continue
    drawn, chosen = random.split(random.fold_in(key, index), 2)
    is_chosen = random.uniform([tf.shape(images)[0], 1, 1, 1], chosen) < probability
    images = tf.where(is_chosen, OPERATIONS[name](images, drawn), images)
  return images


def translate(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
  """Shifts each image by up to an eighth of its side."""
  height, width = images.shape[1:3]
  rows, columns = (
    _shifts(random.fold_in(key, axis), tf.shape(images)[0], size, images.dtype)
    for axis, size in enumerate((height, width))
  )
  return tf.einsum('bij,bjwc,bvw->bivc', rows, images + 1, columns) - 1


def _shifts(key: tf.Tensor, batch: tf.Tensor, size: int, dtype: tf.DType) -> tf.Tensor:
  """[B, size, size] matrices that move a vector by a random distance, filling with zeros."""
  furthest = max(round(size * _SHIFT), 1)
  shift = random.uniform([batch, 1], key, -furthest, furthest + 1, tf.int32)
  return tf.one_hot(tf.range(size) + shift, size, dtype=dtype)


def cutout(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
  """Blackens a rectangle of half the height and width around a random place in each image."""
  batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
  inside = []
  for axis, size in enumerate((height, width)):
    length = max(round(size * _CUT), 1)
    last = size + (1 - length % 2)
    centre = random.uniform([batch, 1], random.fold_in(key, axis), 0, last, tf.int32)
    start = centre - length // 2
    place = tf.range(size)
    inside.append((place >= start) & (place < start + length))
  kept = ~(inside[0][:, :, None] & inside[1][:, None, :])
  return (images + 1) * tf.cast(kept, images.dtype)[..., None] - 1


def color(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
  """Changes brightness by up to half, saturation by up to all and contrast by up to half."""
  keys = random.split(key, 3)
  brightness, saturation, contrast = (
    tf.cast(random.uniform([tf.shape(images)[0], 1, 1, 1], k, low, high), images.dtype)
    for k, (low, high) in zip(keys, ((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)), strict=True)
  )
  images += brightness
  grey = tf.reduce_mean(images, axis=-1, keepdims=True)
  images = grey + saturation * (images - grey)
  mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
  return mean + contrast * (images - mean)


OPERATIONS = {'translation': translate, 'cutout': cutout, 'color': color}


def adapted(
  probability: tf.Tensor, real_sign: tf.Tensor, target: float, images: float, ramp_images: float
) -> tf.Tensor:
  """The adaptive probability after some more images.

  Source: Karras et al. 2020, arXiv:2006.06676, section 3.1 and its r_t.

  Args:
    probability: scalar, so far.
    real_sign: scalar, the mean sign of the discriminator's logits of real images.
    target: of real_sign; above it the discriminator overfits and the probability grows.
    images: seen since the last change.
    ramp_images: images in which the probability could go from 0 to 1.

  Returns:
    Scalar float32 in [0, 1].
  """
  return tf.clip_by_value(probability + tf.sign(real_sign - target) * images / ramp_images, 0, 1)
