"""One training step, written as the paper's algorithm box."""

import dataclasses
import functools

import tensorflow as tf
import tf_keras

from pipeline.config.train import TrainConfig
from pipeline.networks import Pair
from pipeline.train import random
from pipeline.train.losses import LOSSES, AdversarialLoss
from pipeline.train.terms import Scored, Terms
from pipeline.train.views import Views

Metrics = dict[str, tf.Tensor]
Gradients = tuple[list[tf.Tensor], list[tf.Tensor], Metrics]  # G's, D's; empty where not asked for
BOTH, GENERATOR, DISCRIMINATOR = (True, True), (True, False), (False, True)  # who is to learn


def to_model_range(pixels: tf.Tensor) -> tf.Tensor:
  """Grey levels to the networks' range: uint8 -> float32 in [-1, 1]."""
  return tf.cast(pixels, tf.float32) / 127.5 - 1


@dataclasses.dataclass(frozen=True)
class GradientStep:
  """Gradients from one batch; called in each replica, compiled by XLA or not."""

  pair: Pair
  config: TrainConfig
  optimizers: tuple[tf_keras.optimizers.Optimizer, tf_keras.optimizers.Optimizer]  # G, D

  @functools.cached_property
  def terms(self) -> Terms:
    """What the networks minimise beside the adversarial loss."""
    return Terms(self.pair, self.config)

  @functools.cached_property
  def _loss(self) -> AdversarialLoss:
    return LOSSES[self.config.loss].smoothed(self.config.label_smoothing)

  @property
  def metric_names(self) -> tuple[str, ...]:
    """Names of the metrics that a call returns."""
    adversarial = ('generator_loss', 'discriminator_loss', 'real_logit', 'fake_logit', 'real_sign')
    return *adversarial, *self.terms.names

  def __call__(
    self,
    pixels: tf.Tensor,
    labels: tf.Tensor,
    update: tf.Tensor,
    replica: tf.Tensor,
    strength: tf.Tensor,
    learners: tuple[bool, bool] = BOTH,
  ) -> Gradients:
    """Samples, generates, scores and differentiates.

    Args:
      pixels: [B, H, W, C] uint8, this replica's real images.
      labels: [B] int32, their classes; also asked of the generator.
      update: scalar int64, updates so far; decides all that is random.
      replica: scalar int32, this replica's number.
      strength: scalar float32, the probability of an augmentation.
      learners: who is to learn, generator and discriminator.

    Returns:
      Gradients of the generator's and of the discriminator's trainable variables, to be summed over
      the replicas, and scalar metrics.
    """
    gradients = functools.partial(
      self._gradients, pixels, labels, update, replica, strength, learners
    )
    every = self.config.penalty_every_steps
    if every == 1 or not self.terms.lazy_names:
      return gradients(penalise=True)
    is_due = update // self.config.batches_per_step % every == 0  # in every update of such a step
    return tf.cond(is_due, lambda: gradients(penalise=True), lambda: gradients(penalise=False))

  def _gradients(
    self,
    pixels: tf.Tensor,
    labels: tf.Tensor,
    update: tf.Tensor,
    replica: tf.Tensor,
    strength: tf.Tensor,
    learners: tuple[bool, bool],
    penalise: bool,
  ) -> Gradients:
    pair, loss = self.pair, self._loss
    draw = random.Draw(self.config.seed, update, replica)
    views = Views(self.config, draw, strength)
    latents = random.normal(
      [tf.shape(pixels)[0], self.config.latent_size], draw.key(random.LATENTS)
    )
    with tf.GradientTape(persistent=True) as tape:
      real_images = views.of_real(to_model_range(pixels))
      generated = pair.generate(latents, labels, training=True)
      fake_images = views.of_fake(generated)
      real_features = pair.features(real_images, training=True)
      fake_features = pair.features(fake_images, training=True)
      real_logits = pair.logits(real_features, labels, training=True)
      fake_logits = pair.logits(fake_features, labels, training=True)
      generator_loss = tf.reduce_mean(loss.generator(real_logits, fake_logits))
      discriminator_loss = tf.reduce_mean(loss.discriminator(real_logits, fake_logits))
      scored = Scored(
        latents=latents,
        labels=labels,
        generated=generated,
        real_images=real_images,
        fake_images=fake_images,
        real_features=real_features,
        fake_features=fake_features,
        real_logits=real_logits,
      )
      more, metrics = self.terms.of(scored, loss, draw, learners, penalise)
      totals = (generator_loss + more[0], discriminator_loss + more[1])
      scaled = [self._scale(network, total) for network, total in enumerate(totals)]
    networks = (pair.generator, pair.discriminator)
    generator_gradients, discriminator_gradients = (
      tape.gradient(value, network.trainable_variables) if learns else []
      for value, network, learns in zip(scaled, networks, learners, strict=True)
    )
    metrics |= {
      'generator_loss': generator_loss,
      'discriminator_loss': discriminator_loss,
      'real_logit': tf.reduce_mean(real_logits),
      'fake_logit': tf.reduce_mean(fake_logits),
      'real_sign': tf.reduce_mean(tf.sign(real_logits)),
    }
    return generator_gradients, discriminator_gradients, metrics

  def _scale(self, network: int, loss: tf.Tensor) -> tf.Tensor:
    """The loss as differentiated: replicas are summed, and float16 needs a factor."""
    loss /= tf.distribute.get_strategy().num_replicas_in_sync
    optimizer = self.optimizers[network]
    if isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer):
      return optimizer.get_scaled_loss(loss)
    return loss
