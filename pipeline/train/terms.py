"""What the networks minimise beside the adversarial loss: each term with its weight, by flags."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from pipeline.config import TrainConfig
from pipeline.networks import Pair
from pipeline.train import augmentation, penalties, random
from pipeline.train.losses import AdversarialLoss
from pipeline.train.random import Draw

Pairs = tuple[tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scored:
  """A batch and what both networks made of it. B batch, F features."""

  latents: tf.Tensor  # [B, Z]
  labels: tf.Tensor  # [B]
  generated: tf.Tensor  # [B, H, W, C] as the generator made them
  real_images: tf.Tensor  # [B, H, W, C] as the discriminator saw them
  fake_images: tf.Tensor  # likewise
  real_features: tf.Tensor  # [B, F]
  fake_features: tf.Tensor  # [B, F]
  real_logits: tf.Tensor  # [B]


@dataclasses.dataclass(frozen=True)
class Terms:
  """The terms that the settings switch on."""

  pair: Pair
  config: TrainConfig

  @property
  def lazy_names(self) -> tuple[str, ...]:
    """Metrics of the gradient penalties, which need not come every step."""
    config = self.config
    weights = {
      'r1_penalty': config.r1_gamma,
      'r2_penalty': config.r2_gamma,
      'wgan_gp_penalty': config.wgan_gp_weight,
      'dragan_penalty': config.dragan_weight,
    }
    return tuple(name for name, weight in weights.items() if weight)

  @property
  def names(self) -> tuple[str, ...]:
    """Metrics of all terms."""
    config = self.config
    weights = {
      'mismatch_loss': config.mismatch_weight,
      'auxiliary_loss': config.conditioning == 'auxiliary',
      'consistency_loss': config.consistency_weight,
      'similarity_loss': config.diversity_weight,
    }
    return *self.lazy_names, *(name for name, weight in weights.items() if weight)

  def of(
    self,
    scored: Scored,
    loss: AdversarialLoss,
    draw: Draw,
    learners: tuple[bool, bool],
    penalise: bool,
  ) -> tuple[Pairs, dict[str, tf.Tensor]]:
    """Computes them in the current tape.

    Returns:
      What to add to the generator's and to the discriminator's loss, and the metrics in `names`; a
      term of a network that does not learn, or a penalty that is not due, is zero.
    """
    config, zero = self.config, tf.constant(0.0)
    added, metrics = [zero, zero], dict.fromkeys(self.names, zero)
    for name, network, weight, term in (
      ('mismatch_loss', 1, config.mismatch_weight, lambda: self._mismatch(scored, loss, draw)),
      ('consistency_loss', 1, config.consistency_weight, lambda: self._inconsistency(scored, draw)),
      ('similarity_loss', 0, config.diversity_weight, lambda: self._similarity(scored, draw)),
      *self._penalties(scored, draw if penalise else None),
    ):
      if name in metrics and learners[network]:
        metrics[name] = term()
        added[network] += weight * metrics[name]
    if 'auxiliary_loss' in metrics:
      for network, features in enumerate((scored.fake_features, scored.real_features)):
        error = self._misreading(features, scored.labels)
        added[network] += config.auxiliary_weight * error
        metrics['auxiliary_loss'] = error  # at last the discriminator's
    return (added[0], added[1]), metrics

  def _penalties(
    self, scored: Scored, draw: Draw | None
  ) -> list[tuple[str, int, float, Callable[[], tf.Tensor]]]:
    """The gradient penalties that are due: none without a draw."""
    if draw is None:
      return []
    config, real, fake = self.config, scored.real_images, scored.fake_images
    squared, off_one = penalties.squared_gradient_norm, penalties.gradient_norm_off_one

    def at(
      points: Callable[[], tf.Tensor], measure: Callable[[tf.Tensor], tf.Tensor]
    ) -> Callable[[], tf.Tensor]:
      return lambda: tf.reduce_mean(measure(self._image_gradients(points(), scored.labels)))

    # A lazy penalty counts for the steps between; it shares this step's update, so Adam's own
    # constants need no correction (that of arXiv:1912.04958, appendix B, is for a separate one).
    every = config.penalty_every_steps
    key = draw.key(random.PENALTY_POINTS)
    return [
      ('r1_penalty', 1, every * config.r1_gamma / 2, at(lambda: real, squared)),
      ('r2_penalty', 1, every * config.r2_gamma / 2, at(lambda: fake, squared)),
      (
        'wgan_gp_penalty',
        1,
        every * config.wgan_gp_weight,
        at(lambda: penalties.between(real, tf.cast(fake, real.dtype), key), off_one),
      ),
      (
        'dragan_penalty',
        1,
        every * config.dragan_weight,
        at(lambda: penalties.around(real, key), off_one),
      ),
    ]

  def _image_gradients(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """d logits / d images: [B, H, W, C]."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(images)
      logits = tf.cast(self.pair.discriminate(images, labels, training=True), tf.float32)
    return tape.gradient(logits, images)

  def _mismatch(self, scored: Scored, loss: AdversarialLoss, draw: Draw) -> tf.Tensor:
    """Real images under a wrong label count as generated.

    Source: Reed et al. 2016, arXiv:1605.05396, section 4.1.
    """
    wrong = self._logits(scored.real_features, wrong_labels(scored.labels, self.pair, draw))
    return tf.reduce_mean(loss.discriminator(scored.real_logits, wrong))

  def _inconsistency(self, scored: Scored, draw: Draw) -> tf.Tensor:
    moved = augmentation.translate(scored.real_images, draw.key(random.CONSISTENCY))
    logits = self._logits(self.pair.features(moved, training=True), scored.labels)
    return tf.reduce_mean(penalties.inconsistency(scored.real_logits, logits))

  def _similarity(self, scored: Scored, draw: Draw) -> tf.Tensor:
    latents = random.normal(tf.shape(scored.latents), draw.key(random.OTHER_LATENTS))
    others = self.pair.generate(latents, scored.labels, training=True)
    images, other_images = (tf.cast(x, tf.float32) for x in (scored.generated, others))
    return tf.reduce_mean(penalties.similarity(images, other_images, scored.latents, latents))

  def _misreading(self, features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    logits = tf.cast(self.pair.class_logits(features, training=True), tf.float32)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

  def _logits(self, features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.cast(self.pair.logits(features, labels, training=True), tf.float32)


def wrong_labels(labels: tf.Tensor, pair: Pair, draw: Draw) -> tf.Tensor:
  """For each label one of the others, all equally likely: int32 [B]."""
  shift = random.uniform(
    tf.shape(labels), draw.key(random.WRONG_LABELS), 1, pair.num_classes, labels.dtype
  )
  return (labels + shift) % pair.num_classes
