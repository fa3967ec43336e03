"""The discriminator's last part: features and label to a logit, by the way of conditioning.

It is a model of its own, so that features which cost a convolution each are scored for several
labels at the price of one. Legend: B batch, F features, K classes.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.networks import layers, minibatch, parts
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers
_HIDDEN = 128  # units that see features and label together
_Dense = Callable[..., tf_keras.layers.Layer]  # makes a dense layer of so many units


def discriminator(
  spec: ModelSpec,
  images: tf.Tensor,
  x: tf.Tensor,
  kernel_initializer: Callable[[], Any] = tf_keras.initializers.GlorotUniform,
) -> tf_keras.Model:
  """Images and what the network's layers make of them, as a model of two parts.

  Args:
    spec: of the pair; says how the batch and the label are looked at.
    images: Keras input [B, H, W, C].
    x: [B, h, w, c] or [B, F], computed from `images`.
    kernel_initializer: makes one for each of the head's kernels.

  Returns:
    [B, H, W, C] (, [B]) -> [B], of the layers 'body', [B, H, W, C] -> [B, F], and 'head',
    [B, F] (, [B]) -> [B], with a second output [B, K] where there is an auxiliary classifier.
  """
  if spec.minibatch == 'stddev':
    x = minibatch.MinibatchStddev()(x)
  x = L.Flatten()(x)
  if spec.minibatch == 'discrimination':
    x = minibatch.MinibatchDiscrimination()(x)
  body = tf_keras.Model(images, x, name='body')

  def dense(units: int, **settings: Any) -> tf_keras.layers.Layer:
    return parts.dense(spec, units, kernel_initializer=kernel_initializer(), **settings)

  make_head = _HEADS[spec.conditioning] if spec.is_conditional else _one_logit
  head = make_head(dense, body.output_shape[-1], spec.num_classes)
  whole_images = tf_keras.Input(spec.image_shape, name='images')
  inputs = [whole_images]
  if spec.is_conditional:
    inputs.append(tf_keras.Input([], dtype=tf.int32, name='labels'))
  logits = tf.nest.flatten(head([body(whole_images), *inputs[1:]][: len(head.inputs)]))[0]
  return tf_keras.Model(inputs, L.Activation('linear', name='logits')(logits), name='discriminator')


def _one_logit(dense: _Dense, num_features: int, num_classes: int) -> tf_keras.Model:
  del num_classes  # there is no label
  features = tf_keras.Input([num_features])
  return _head([features], dense(1)(features))


def _logit_per_class(dense: _Dense, num_features: int, num_classes: int) -> tf_keras.Model:
  """A linear logit a class, of which the label's is taken.

  Source: Mescheder et al. 2018, arXiv:1801.04406, appendix D.
  """
  features, labels = _inputs(num_features)
  indicator = layers.OneHot(num_classes)(labels)
  logits = L.Multiply()([dense(num_classes)(features), indicator])
  return _head([features, labels], logits)


def _embedding(dense: _Dense, num_features: int, num_classes: int) -> tf_keras.Model:
  """A hidden layer that sees the features and the label. Source: arXiv:1411.1784."""
  features, labels = _inputs(num_features)
  joined = L.Concatenate()([features, layers.OneHot(num_classes)(labels)])
  hidden = L.LeakyReLU(0.2)(dense(_HIDDEN)(joined))
  return _head([features, labels], dense(1)(hidden))


def _projection(dense: _Dense, num_features: int, num_classes: int) -> tf_keras.Model:
  """A logit of the features and their product with the label's vector.

  Source: Miyato and Koyama 2018, arXiv:1802.05637, eq. 3.
  """
  features, labels = _inputs(num_features)
  indicator = layers.OneHot(num_classes)(labels)
  vector = dense(num_features, use_bias=False)(indicator)
  projected = layers.SumLogits()(L.Multiply()([vector, features]))
  return _head([features, labels], dense(1)(features), projected)


def _auxiliary(dense: _Dense, num_features: int, num_classes: int) -> tf_keras.Model:
  """A logit without the label, and logits of the classes. Source: arXiv:1610.09585."""
  features = tf_keras.Input([num_features])
  classes = dense(num_classes, name='classes')(features)
  logits = layers.SumLogits()(dense(1)(features))
  return tf_keras.Model([features], [logits, classes], name='head')


def _inputs(num_features: int) -> tuple[tf.Tensor, tf.Tensor]:
  return tf_keras.Input([num_features]), tf_keras.Input([], dtype=tf.int32)


def _head(
  inputs: list[tf.Tensor], logits: tf.Tensor, more: tf.Tensor | None = None
) -> tf_keras.Model:
  """Sums [B, *] logits to [B], and adds more of them, [B]."""
  total = layers.SumLogits()(logits)
  return tf_keras.Model(inputs, total if more is None else L.Add()([total, more]), name='head')


_HEADS = {
  'per_class': _logit_per_class,
  'embedding': _embedding,
  'projection': _projection,
  'auxiliary': _auxiliary,
}
