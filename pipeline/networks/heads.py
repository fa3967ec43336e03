"""The discriminator's last part: features and label to a logit.

It is a model of its own, so that features which cost a convolution each are scored for several
labels at the price of one. Legend: B batch, F features, K classes.
"""

import tensorflow as tf
import tf_keras

from pipeline.networks import layers
from pipeline.networks.spec import ModelSpec

L = tf_keras.layers


def logit_per_class(spec: ModelSpec, num_features: int) -> tf_keras.Model:
  """One linear logit a class, of which the label's is taken; one in all without labels.

  [B, F] (, [B]) -> [B]. Source: Mescheder et al. 2018, arXiv:1801.04406, appendix D.
  """
  features = tf_keras.Input([num_features])
  inputs, logits = [features], L.Dense(max(spec.num_classes, 1))(features)
  if spec.is_conditional:
    labels = tf_keras.Input([], dtype=tf.int32)
    inputs.append(labels)
    logits = L.Multiply()([logits, layers.OneHot(spec.num_classes)(labels)])
  return tf_keras.Model(inputs, layers.SumLogits()(logits), name='head')


def discriminator(spec: ModelSpec, body: tf_keras.Model, head: tf_keras.Model) -> tf_keras.Model:
  """Body, [B, H, W, C] -> [B, F], and head as one model: [B, H, W, C] (, [B]) -> [B]."""
  images = tf_keras.Input(spec.image_shape, name='images')
  inputs = [images]
  if spec.is_conditional:
    inputs.append(tf_keras.Input([], dtype=tf.int32, name='labels'))
  logits = head([body(images), *inputs[1:]])
  return tf_keras.Model(inputs, L.Activation('linear', name='logits')(logits), name='discriminator')
