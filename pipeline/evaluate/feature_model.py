"""The network behind the figures: a small classifier whose last hidden layer is the feature space.

Legend: B batch, H height, W width, C channels, D features, K classes.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

NUM_FEATURES = 128
_FINAL_SIZE = 4  # pixels a side of the last map, whatever the image's size
_MOMENTUM = 0.9  # moving averages arrive in a fit of 60 steps, too: 0.9^60 is under 1 %
_SLOPE = 0.1  # leaky units keep features from being cut off at zero, where a Gaussian fits badly


def build_feature_model(image_shape: Sequence[int], num_classes: int, seed: int) -> tf_keras.Model:
  """A convolutional classifier of about 200k weights at 28x28.

  Args:
    image_shape: (H, W, C).
    num_classes: K.
    seed: of the initial weights.

  Returns:
    Model from float32 [B, H, W, C] on [0, 255] to (features [B, 128], logits [B, K]).
  """
  images = tf_keras.Input(tuple(image_shape), name='images')
  x = tf_keras.layers.Rescaling(1 / 127.5, offset=-1.0, name='rescaling')(images)
  for index, (channels, stride) in enumerate(_convolutions(max(image_shape[:2]))):
    x = _convolution(x, f'conv{index}', channels, stride, seed + index)
  x = tf_keras.layers.Flatten(name='flatten')(x)
  x = tf_keras.layers.Dense(
    NUM_FEATURES, use_bias=False, kernel_initializer=_initializer(seed + 100), name='dense'
  )(x)
  x = tf_keras.layers.BatchNormalization(momentum=_MOMENTUM, name='dense_norm')(x)
  features = tf_keras.layers.LeakyReLU(_SLOPE, name='features')(x)
  logits = tf_keras.layers.Dense(
    num_classes, kernel_initializer=_initializer(seed + 101), name='logits'
  )(features)
  return tf_keras.Model(images, (features, logits), name='feature_model')


def _convolutions(size: int) -> list[tuple[int, int]]:
  """(channels, stride) of each layer: large images are halved first, cheaply."""
  layers = []
  while size > 32:
    layers.append((16, 2))
    size = -(-size // 2)
  for channels, strided in ((16, 32), (48, 48), (64, 48)):
    stride = 2 if size > _FINAL_SIZE else 1
    layers += [(channels, 1), (strided, stride)]
    size = -(-size // stride)
  return layers


def _convolution(x: tf.Tensor, name: str, channels: int, stride: int, seed: int) -> tf.Tensor:
  x = tf_keras.layers.Conv2D(
    channels,
    3,
    strides=stride,
    padding='same',
    use_bias=False,
    kernel_initializer=_initializer(seed),
    name=name,
  )(x)
  x = tf_keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f'{name}_norm')(x)
  return tf_keras.layers.LeakyReLU(_SLOPE, name=f'{name}_relu')(x)


def _initializer(seed: int) -> tf_keras.initializers.Initializer:
  return tf_keras.initializers.HeNormal(seed=seed)
