"""A GAN's training step as tutorials write it: Keras layers, one tf.function a step."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline import networks
from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec, Pair, convolution
from pipeline.networks.dropout import Dropout
from pipeline.train.losses import LOSSES

L = tf_keras.layers
_KERAS = {convolution.Conv2D: L.Conv2D, convolution.Conv2DTranspose: L.Conv2DTranspose}


def make(
  spec: ModelSpec, config: TrainConfig, policy: str, images: np.ndarray, labels: np.ndarray
) -> Callable[[int], None]:
  """A function that trains for some steps on endless shuffled batches.

  Args:
    spec: of the networks.
    config: loss, lazy R1 penalty, batch size, Adam and average; no other term.
    policy: dtype policy of the networks.
    images: uint8 [N, H, W, C].
    labels: int [N].
  """
  pair = _plain_pair(spec, policy)
  average = _plain_pair(spec, 'float32').generator
  optimizers = [
    tf_keras.optimizers.Adam(rate, config.adam_beta1, config.adam_beta2)
    for rate in (config.generator_learning_rate, config.discriminator_learning_rate)
  ]
  step = _step(pair, average, optimizers, config)
  batches, numbers = _batches(images, labels, config), itertools.count()

  def run(num_steps: int) -> None:
    for _ in range(num_steps):
      losses = step(*next(batches), tf.constant(next(numbers), tf.int64))
    losses[0].numpy()

  return run


def _plain_pair(spec: ModelSpec, policy: str) -> Pair:
  """The pair, with Keras' own layers in the place of the project's."""
  tf_keras.mixed_precision.set_global_policy(policy)
  try:
    pair = networks.build(spec)
    return Pair(_plain(pair.generator), _plain(pair.discriminator), spec.num_classes)
  finally:
    tf_keras.mixed_precision.set_global_policy('float32')


def _plain(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
  if isinstance(layer, tf_keras.Model):
    return tf_keras.models.clone_model(layer, clone_function=_plain)
  if isinstance(layer, Dropout):
    return L.Dropout(layer.rate, dtype=layer.dtype_policy)
  return _KERAS.get(type(layer), type(layer)).from_config(layer.get_config())


def _batches(images: np.ndarray, labels: np.ndarray, config: TrainConfig) -> Iterator:
  scaled = images.astype(np.float32) / 127.5 - 1
  data = tf.data.Dataset.from_tensor_slices((scaled, labels)).shuffle(len(images)).repeat()
  return iter(data.batch(config.batch_size, drop_remainder=True).prefetch(2))


def _step(
  pair: Pair,
  average: tf_keras.Model,
  optimizers: list[tf_keras.optimizers.Optimizer],
  config: TrainConfig,
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
  loss, keeps = (
    LOSSES[config.loss],
    0.5 ** (config.batch_size / config.ema_halflife_images) if config.ema_halflife_images else 0.0,
  )

  def r1(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
      tape.watch(images)
      logits = pair.discriminate(images, labels, training=True)
    slopes = tape.gradient(logits, images)
    return tf.reduce_mean(tf.reduce_sum(tf.square(slopes), axis=[1, 2, 3]))

  @tf.function(autograph=False)
  def step(real: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    latents = tf.random.normal([config.batch_size, config.latent_size])
    with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
      fake = pair.generate(latents, labels, training=True)
      real_logits, fake_logits = (
        pair.discriminate(images, labels, training=True) for images in (real, fake)
      )
      generator_loss = tf.reduce_mean(loss.generator(real_logits, fake_logits))
      discriminator_loss = tf.reduce_mean(loss.discriminator(real_logits, fake_logits))
      if config.r1_gamma:
        every = config.penalty_every_steps
        discriminator_loss += tf.cond(
          number % every == 0, lambda: every * config.r1_gamma / 2 * r1(real, labels), lambda: 0.0
        )
    for tape, value, model, optimizer in (
      (generator_tape, generator_loss, pair.generator, optimizers[0]),
      (discriminator_tape, discriminator_loss, pair.discriminator, optimizers[1]),
    ):
      variables = model.trainable_variables
      optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
    if config.ema_halflife_images:
      for mean, value in zip(average.weights, pair.generator.weights, strict=True):
        mean.assign(keeps * mean + (1 - keeps) * value)
    return generator_loss, discriminator_loss

  return step
