"""Gradient penalties in a step: what they teach the discriminator, against a NumPy oracle.

The discriminator is w · tanh(Wᵀ x + b), whose gradient at an image is known in closed form; that of
the penalty follows by finite differences in float64. Legend: B batch, N pixels.
"""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline import networks
from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec, layers
from pipeline.train import random
from pipeline.train.random import Draw
from pipeline.train.step import GradientStep, to_model_range
from tests.pipeline.train.points import penalty_points

L = tf_keras.layers
SHAPE, BATCH, UNITS, WEIGHT = (3, 3, 1), 4, 5, 3.0
SPEC = ModelSpec(network='mlp', latent_size=2, num_classes=0, class_names=(), image_shape=SHAPE)
DRAW = Draw(0, tf.constant(1, tf.int64), tf.constant(0))
PIXELS = np.random.default_rng(0).integers(0, 256, [BATCH, *SHAPE], np.uint8)


@pytest.fixture(scope='module')
def pair():
  tf_keras.utils.set_random_seed(0)
  images, features = tf_keras.Input(SHAPE), tf_keras.Input([UNITS])
  body = tf_keras.Model(images, L.Dense(UNITS, 'tanh')(L.Flatten()(images)), name='body')
  head = tf_keras.Model([features], layers.SumLogits()(L.Dense(1)(features)), name='head')
  whole = tf_keras.Model(images, head(body(images)))
  return networks.Pair(networks.build_generator(SPEC), whole, num_classes=0)


def learned(pair, **settings):
  """Gradients of the discriminator's weights."""
  config = TrainConfig(network='mlp', latent_size=2, batch_size=BATCH, **settings)
  labels, update = tf.zeros([BATCH], tf.int32), tf.constant(1, tf.int64)
  step = GradientStep(pair, config, (None, None))
  return step(PIXELS, labels, update, tf.constant(0), tf.constant(0.0))[1]


def gradient_norms(weights, points):
  """[B] of the points, float64 [B, N]."""
  kernel, bias, out, _ = weights
  slopes = (1 - np.tanh(points @ kernel + bias) ** 2) * out[:, 0]
  return np.linalg.norm(slopes @ kernel.T, axis=1)


def differences(function, weights, size=1e-6):
  """The gradient of a function of arrays, by a central difference for each of their values."""
  gradients = [np.zeros_like(weight) for weight in weights]
  for weight, gradient in zip(weights, gradients, strict=True):
    for place in np.ndindex(weight.shape):
      value = weight[place]
      weight[place] = value + size
      above = function(weights)
      weight[place] = value - size
      gradient[place] = (above - function(weights)) / (2 * size)
      weight[place] = value
  return gradients


@pytest.mark.parametrize(
  ('setting', 'points', 'penalty'),
  [
    ('r1_gamma', 'real', lambda norms: norms**2 / 2),
    ('r2_gamma', 'fake', lambda norms: norms**2 / 2),
    ('wgan_gp_weight', 'between', lambda norms: (norms - 1) ** 2),
    ('dragan_weight', 'around', lambda norms: (norms - 1) ** 2),
  ],
)
def test_a_penalty_teaches_its_gradient_times_its_weight(pair, setting, points, penalty):
  real, key = to_model_range(PIXELS), DRAW.key(random.PENALTY_POINTS)
  latents = random.normal([BATCH, 2], DRAW.key(random.LATENTS))
  fake = pair.generate(latents, None, training=True)
  at = penalty_points(real, fake, key)[points]
  flat = at.numpy().reshape(BATCH, -1).astype(np.float64)
  weights = [weight.numpy().astype(np.float64) for weight in pair.discriminator.trainable_variables]
  expected = differences(lambda w: WEIGHT * penalty(gradient_norms(w, flat)).mean(), weights)
  without = learned(pair, r1_gamma=0.0)
  found = learned(pair, **{'r1_gamma': 0.0, 'penalty_every_steps': 1} | {setting: WEIGHT})
  for more, plain, wanted in zip(found, without, expected, strict=True):
    np.testing.assert_allclose(more - plain, wanted, rtol=1e-3, atol=1e-5)
  assert max(np.abs(wanted).max() for wanted in expected) > 0.1
