"""Batch normalisation folded into the layer before it, as the INT8 converter does.

What is fine-tuned must be the weights that the phone's file rounds, and those are the folded ones.
"""

from typing import Any

import numpy as np
import tf_keras

L = tf_keras.layers
LINEAR = (L.Dense, L.Conv2D)  # a Conv2DTranspose is a Conv2D


def folded(model: tf_keras.Model) -> tf_keras.Model:
  """A copy in plain Keras layers, equal but for rounding.

  Args:
    model: functional. Layers of other packages are kept as they are, unless they are Keras layers
      made quicker: those become the Keras layer.

  Returns:
    The same layers under the same names. A batch normalisation behind a dense layer or a
    convolution passes its input on; the layer before it has a bias.
  """
  norms = {linear.name: norm for linear, norm in _pairs(model)}
  gone = {norm.name for norm in norms.values()}

  def clone(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    if layer.name in gone:
      return L.Activation('linear', name=layer.name)
    copy = plain(layer)
    if layer.name in norms:
      copy.use_bias = True
    return copy

  copy = tf_keras.models.clone_model(model, clone_function=clone)
  for layer in model.layers:
    if layer.name in norms:
      copy.get_layer(layer.name).set_weights(_weights(layer, norms[layer.name]))
    elif layer.name not in gone:
      copy.get_layer(layer.name).set_weights(layer.get_weights())
  return copy


def plain(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
  """A layer of the same settings without its weights, of the Keras class that it is or extends."""
  kinds = [kind for kind in type(layer).__mro__ if kind.__module__.startswith('tf_keras.')]
  kind: Any = type(layer) if kinds[0] is tf_keras.layers.Layer else kinds[0]
  return kind.from_config(layer.get_config())


def built_copy(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
  """A copy of a plain layer for fine-tuning, with variables of its own.

  A batch normalisation that could not be folded keeps its statistics.
  """
  copy = type(layer).from_config(layer.get_config())
  if layer.weights:
    copy.build(layer.input_shape)
    copy.set_weights(layer.get_weights())
  copy.trainable = not isinstance(layer, L.BatchNormalization)
  return copy


def consumers(layer: tf_keras.layers.Layer) -> list[tf_keras.layers.Layer]:
  """The layers that read what a layer makes."""
  return [node.layer for node in layer.outbound_nodes]


def _pairs(model: tf_keras.Model) -> list[tuple[tf_keras.layers.Layer, tf_keras.layers.Layer]]:
  """Each dense layer or convolution that only a batch normalisation reads, and that."""
  linear = [layer for layer in model.layers if isinstance(layer, LINEAR)]
  pairs = [(layer, *consumers(layer)) for layer in linear if len(consumers(layer)) == 1]
  return [(layer, norm) for layer, norm in pairs if isinstance(norm, L.BatchNormalization)]


def _weights(linear: tf_keras.layers.Layer, norm: tf_keras.layers.Layer) -> list[np.ndarray]:
  """Kernel and bias of `linear` that do the work of both."""
  scale = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
  is_transposed = isinstance(linear, L.Conv2DTranspose)  # its kernel is [k, k, C', C]
  kernel = linear.kernel.numpy() * (scale[:, None] if is_transposed else scale)
  bias = linear.bias.numpy() if linear.use_bias else 0
  return [kernel, (bias - norm.moving_mean.numpy()) * scale + norm.beta.numpy()]
