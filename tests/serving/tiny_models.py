"""Small networks with every operation of the real ones, quick to export."""

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline.networks import layers

L = tf_keras.layers
LATENT_SIZE = 8


def generator(
  num_classes: int = 3, size: int = 8, channels: int = 1, embedding_size: int = 0
) -> tf_keras.Model:
  """Latents (, labels) -> [B, size, size, channels] in [-1, 1]; weights from a fixed seed."""
  tf_keras.utils.set_random_seed(5)
  latents = tf_keras.Input([LATENT_SIZE])
  inputs, x = [latents], latents
  if num_classes:
    labels = tf_keras.Input([], dtype=tf.int32)
    inputs.append(labels)
    label = layers.OneHot(num_classes)(labels)
    if embedding_size:
      normal = tf_keras.initializers.RandomNormal(stddev=1.0)
      label = L.Dense(embedding_size, use_bias=False, kernel_initializer=normal)(label)
    x = L.Concatenate()([latents, label])
  x = L.Reshape([size // 2, size // 2, 8])(L.Dense(size // 2 * (size // 2) * 8)(x))
  x = L.ReLU()(L.BatchNormalization()(x))
  x = layers.DepthToSpace()(L.Conv2D(4 * channels, 3, padding='same', name='last')(x))
  model = tf_keras.Model(inputs, L.Activation('tanh')(x))
  for variable in model.variables:  # statistics that a missing batch normalisation would not have
    if 'moving_mean' in variable.name:
      variable.assign(np.linspace(-0.5, 0.5, 8))
  return model


def discriminator(num_classes: int = 3, size: int = 8, channels: int = 1) -> tf_keras.Model:
  """Images (, labels) -> logits [B]."""
  tf_keras.utils.set_random_seed(6)
  images = tf_keras.Input([size, size, channels])
  x = L.Flatten()(L.Conv2D(4, 3, 2, activation='relu')(images))
  body = tf_keras.Model(images, x, name='body')
  images = tf_keras.Input([size, size, channels])
  x = body(images)
  if not num_classes:
    return tf_keras.Model([images], layers.SumLogits()(L.Dense(1)(x)))
  labels = tf_keras.Input([], dtype=tf.int32)
  mask = layers.OneHot(num_classes)(labels)
  return tf_keras.Model([images, labels], layers.SumLogits()(L.Dense(num_classes)(x) * mask))


def encoder(size: int = 8, channels: int = 1) -> tf_keras.Model:
  """Images -> latents [B, 8]."""
  tf_keras.utils.set_random_seed(7)
  images = tf_keras.Input([size, size, channels])
  x = L.Flatten()(L.Conv2D(4, 3, 2, activation='relu')(images))
  return tf_keras.Model(images, L.Dense(LATENT_SIZE)(x))


def plant_wrong_weight(model: tf_keras.Model, by: float) -> None:
  """Changes one weight of the last convolution."""
  kernel = model.get_layer('last').kernel
  value = kernel.numpy()
  value[1, 1, 0, 0] += by
  kernel.assign(value)
