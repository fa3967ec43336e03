"""Layers as the settings in a ModelSpec make them, so that every network follows the same flags."""

from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.networks import convolution, layers, spectral
from pipeline.networks.dropout import Dropout
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers


def conv(spec: ModelSpec, *args: Any, **kwargs: Any) -> tf_keras.layers.Layer:
  """A convolution of the discriminator; 'same' padding."""
  kind = spectral.SpectralConv2D if spec.spectral_norm else convolution.Conv2D
  return kind(*args, **{'padding': 'same'} | kwargs)


def dense(spec: ModelSpec, units: int, **kwargs: Any) -> tf_keras.layers.Layer:
  """A dense layer of the discriminator."""
  return (spectral.SpectralDense if spec.spectral_norm else L.Dense)(units, **kwargs)


def dropout(spec: ModelSpec, own_rate: float, x: tf.Tensor) -> tf.Tensor:
  """Drops units of `x` at the rate of the settings, or at the network's own."""
  rate = own_rate if spec.dropout is None else spec.dropout
  return Dropout(rate)(x) if rate else x


def width(spec: ModelSpec, channels: int) -> int:
  """Channels of a hidden layer of the generator that has `channels` by itself.

  The nearest multiple of 8, which vectorised kernels want, and 8 at least.
  """
  return max(8, 8 * round(channels * spec.generator_width / 8))


def generator_input(
  spec: ModelSpec, embedding_size: int | None = None
) -> tuple[list[tf.Tensor], tf.Tensor]:
  """The generator's inputs, and latent and label as one vector.

  Args:
    spec: of the pair.
    embedding_size: E of a learned label embedding; None joins the label's indicator vector.

  Returns:
    Keras inputs, [B, Z] (and [B]), and [B, Z], [B, Z + K] or [B, Z + E].
  """
  latents = tf_keras.Input([spec.latent_size], name='latents')
  if not spec.is_conditional:
    return [latents], latents
  labels = tf_keras.Input([], dtype=tf.int32, name='labels')
  label = layers.OneHot(spec.num_classes)(labels)
  if embedding_size:  # a product with an indicator vector is a look-up, and quantises well
    unit = tf_keras.initializers.RandomNormal(stddev=1.0)
    label = L.Dense(embedding_size, use_bias=False, kernel_initializer=unit)(label)
  return [latents, labels], L.Concatenate()([latents, label])


def images(x: tf.Tensor) -> tf.Tensor:
  """The generator's output, tanh of `x`: [B, H, W, C] float32 in [-1, 1].

  In float32 under every policy: the slope at a black pixel is small, but 16 bits make it nothing,
  and a generator whose images have all gone black could never leave there.
  """
  return L.Activation('tanh', dtype='float32', name='images')(x)
