"""One training step, written as the paper's algorithm box."""

import dataclasses

import tensorflow as tf
import tf_keras

from pipeline.config import TrainConfig
from pipeline.networks import Pair
from pipeline.train import random
from pipeline.train.losses import LOSSES
from pipeline.train.penalties import squared_gradient_norm

Metrics = dict[str, tf.Tensor]
Gradients = tuple[list[tf.Tensor], list[tf.Tensor], Metrics]


def to_model_range(pixels: tf.Tensor) -> tf.Tensor:
  """Grey levels to the networks' range: uint8 -> float32 in [-1, 1]."""
  return tf.cast(pixels, tf.float32) / 127.5 - 1


@dataclasses.dataclass(frozen=True)
class GradientStep:
  """Both networks' gradients from one batch; called in each replica, compiled by XLA or not."""

  pair: Pair
  config: TrainConfig
  optimizers: tuple[tf_keras.optimizers.Optimizer, tf_keras.optimizers.Optimizer]  # G, D

  def __call__(
    self, pixels: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, replica: tf.Tensor
  ) -> Gradients:
    """Samples, generates, scores and differentiates.

    Args:
      pixels: [B, H, W, C] uint8, this replica's real images.
      labels: [B] int32, their classes; also asked of the generator.
      step: scalar int64, generator updates so far.
      replica: scalar int32, this replica's number.

    Returns:
      Gradients of the generator's and of the discriminator's trainable variables, to be summed over
      the replicas, and scalar metrics.
    """
    config = self.config
    if not (config.r1_gamma or config.r2_gamma):
      return self.plain(pixels, labels, step, replica)
    if config.penalty_every_steps == 1:
      return self._gradients(pixels, labels, step, replica, penalise=True)
    return tf.cond(
      step % config.penalty_every_steps == 0,
      lambda: self._gradients(pixels, labels, step, replica, penalise=True),
      lambda: self.plain(pixels, labels, step, replica),
    )

  def plain(
    self, pixels: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, replica: tf.Tensor
  ) -> Gradients:
    """The gradients of a step between lazy penalties."""
    return self._gradients(pixels, labels, step, replica, penalise=False)

  def _gradients(
    self,
    pixels: tf.Tensor,
    labels: tf.Tensor,
    step: tf.Tensor,
    replica: tf.Tensor,
    penalise: bool,
  ) -> Gradients:
    config, pair, loss = self.config, self.pair, LOSSES[self.config.loss]
    real_images = to_model_range(pixels)
    latents = tf.random.stateless_normal(
      [tf.shape(pixels)[0], config.latent_size],
      random.key(config.seed, random.LATENTS, step, replica),
    )
    with tf.GradientTape(persistent=True) as tape:
      fake_images = pair.generate(latents, labels, training=True)
      real, real_logits, r1 = self._score(real_images, labels, penalise and config.r1_gamma > 0)
      _, fake_logits, r2 = self._score(fake_images, labels, penalise and config.r2_gamma > 0)
      generator_loss = tf.reduce_mean(loss.generator(real_logits, fake_logits))
      discriminator_loss = tf.reduce_mean(loss.discriminator(real_logits, fake_logits))
      # A lazy penalty counts for the steps between; it shares this step's update, so Adam's own
      # constants need no correction (that of arXiv:1912.04958, appendix B, is for a separate one).
      penalty = tf.reduce_mean(config.r1_gamma / 2 * r1 + config.r2_gamma / 2 * r2)
      total = discriminator_loss + config.penalty_every_steps * penalty
      mismatch_loss = tf.constant(0.0)
      if config.mismatch_weight:
        # Source: Reed et al. 2016, arXiv:1605.05396, section 4.1.
        wrong = self._logits(real, self._wrong_labels(labels, step, replica))
        mismatch_loss = tf.reduce_mean(loss.discriminator(real_logits, wrong))
        total += config.mismatch_weight * mismatch_loss
      scaled = [self._scale(0, generator_loss), self._scale(1, total)]  # replicas are summed
    gradients = [
      tape.gradient(value, network.trainable_variables)
      for value, network in zip(scaled, (pair.generator, pair.discriminator), strict=True)
    ]
    metrics = {
      'generator_loss': generator_loss,
      'discriminator_loss': discriminator_loss,
      'mismatch_loss': mismatch_loss,
      'real_logit': tf.reduce_mean(real_logits),
      'fake_logit': tf.reduce_mean(fake_logits),
      'r1_penalty': tf.reduce_mean(r1),
      'r2_penalty': tf.reduce_mean(r2),
    }
    return gradients[0], gradients[1], metrics

  def _score(
    self, images: tf.Tensor, labels: tf.Tensor, penalise: bool
  ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Features [B, F], logits [B] float32, and the squared gradient norm [B] or zeros."""
    if not penalise:
      features = self.pair.features(images, training=True)
      logits = self._logits(features, labels)
      return features, logits, tf.zeros_like(logits)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(images)
      features = self.pair.features(images, training=True)
      logits = self._logits(features, labels)
    return features, logits, squared_gradient_norm(tape.gradient(logits, images))

  def _logits(self, features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.cast(self.pair.logits(features, labels, training=True), tf.float32)

  def _wrong_labels(self, labels: tf.Tensor, step: tf.Tensor, replica: tf.Tensor) -> tf.Tensor:
    """For each label one of the others, all equally likely."""
    key = random.key(self.config.seed, random.WRONG_LABELS, step, replica)
    shift = tf.random.stateless_uniform(
      tf.shape(labels), key, 1, self.pair.num_classes, dtype=labels.dtype
    )
    return (labels + shift) % self.pair.num_classes

  def _scale(self, network: int, loss: tf.Tensor) -> tf.Tensor:
    loss /= tf.distribute.get_strategy().num_replicas_in_sync
    optimizer = self.optimizers[network]
    if isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer):
      return optimizer.get_scaled_loss(loss)
    return loss
