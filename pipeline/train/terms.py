"""What the networks minimise beside the adversarial loss: each term with its weight, by flags."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from pipeline.config.train import TrainConfig
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
    return tuple(self._lazy_weights)

  @property
  def names(self) -> tuple[str, ...]:
    """Metrics of all terms."""
    return tuple(self._weights)

  @property
  def _weights(self) -> dict[str, float]:
    """The terms that are on."""
    config = self.config
    has_classifier = config.conditioning == 'auxiliary'
    return self._lazy_weights | _on(
      mismatch_loss=config.mismatch_weight,
      consistency_loss=config.consistency_weight,
      similarity_loss=config.diversity_weight,
      auxiliary_loss=config.auxiliary_weight if has_classifier else 0.0,
    )

  @property
  def _lazy_weights(self) -> dict[str, float]:
    # A lazy penalty counts for the steps between; it shares this step's update, so Adam's own
    # constants need no correction (that of arXiv:1912.04958, appendix B, is for a separate one).
    config, every = self.config, self.config.penalty_every_steps
    return _on(
      r1_penalty=every * config.r1_gamma / 2,
      r2_penalty=every * config.r2_gamma / 2,
      wgan_gp_penalty=every * config.wgan_gp_weight,
      dragan_penalty=every * config.dragan_weight,
    )

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
    zero, weights = tf.constant(0.0), self._weights
    added, metrics = [zero, zero], dict.fromkeys(weights, zero)
    terms: dict[str, tuple[int, Callable[[], tf.Tensor]]] = {  # of which network, and what
      'mismatch_loss': (1, lambda: self._mismatch(scored, loss, draw)),
      'consistency_loss': (1, lambda: self._inconsistency(scored, draw)),
      'similarity_loss': (0, lambda: self._similarity(scored, draw)),
    }
    if penalise:
      terms |= {name: (1, term) for name, term in self._penalties(scored, draw).items()}
    for name, (network, term) in terms.items():
      if name in weights and learners[network]:
        metrics[name] = term()
        added[network] += weights[name] * metrics[name]
    if 'auxiliary_loss' in weights:
      # Unlike in the source, where the discriminator also learns the classes of generated images,
      # however little they show of them.
      for network, features in enumerate((scored.fake_features, scored.real_features)):
        if learners[network]:
          error = self._misreading(features, scored.labels)
          added[network] += weights['auxiliary_loss'] * error
          metrics['auxiliary_loss'] = error  # of both, the one that tells how well it reads
    return (added[0], added[1]), metrics

  def _penalties(self, scored: Scored, draw: Draw) -> dict[str, Callable[[], tf.Tensor]]:
    """The gradient penalties, by the points where the gradient is taken."""
    real, fake, key = scored.real_images, scored.fake_images, draw.key(random.PENALTY_POINTS)
    squared, off_one = penalties.squared_gradient_norm, penalties.gradient_norm_off_one

    def at(
      points: Callable[[], tf.Tensor], measure: Callable[[tf.Tensor], tf.Tensor]
    ) -> Callable[[], tf.Tensor]:
      return lambda: tf.reduce_mean(measure(self._image_gradients(points(), scored.labels)))

    return {
      'r1_penalty': at(lambda: real, squared),
      'r2_penalty': at(lambda: fake, squared),
      'wgan_gp_penalty': at(
        lambda: penalties.between(real, tf.cast(fake, real.dtype), key), off_one
      ),
      'dragan_penalty': at(lambda: penalties.around(real, key), off_one),
    }

  def _image_gradients(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """d logits / d images: [B, H, W, C]."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(images)
      logits = self.pair.discriminate(images, labels, training=True)
    return tape.gradient(logits, images)

  def _mismatch(self, scored: Scored, loss: AdversarialLoss, draw: Draw) -> tf.Tensor:
    """Real images under a wrong label count as generated.

    Source: Reed et al. 2016, arXiv:1605.05396, section 4.1.
    """
    labels = wrong_labels(scored.labels, self.pair, draw)
    wrong = self.pair.logits(scored.real_features, labels, training=True)
    return tf.reduce_mean(loss.discriminator(scored.real_logits, wrong))

  def _inconsistency(self, scored: Scored, draw: Draw) -> tf.Tensor:
    moved = augmentation.translate(scored.real_images, draw.key(random.CONSISTENCY))
    logits = self.pair.discriminate(moved, scored.labels, training=True)
    return tf.reduce_mean(penalties.inconsistency(scored.real_logits, logits))

  def _similarity(self, scored: Scored, draw: Draw) -> tf.Tensor:
    latents = random.normal(tf.shape(scored.latents), draw.key(random.OTHER_LATENTS))
    others = self.pair.generate(latents, scored.labels, training=True)
    images, other_images = (tf.cast(x, tf.float32) for x in (scored.generated, others))
    return penalties.similarity(images, other_images, scored.latents, latents)

  def _misreading(self, features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    logits = self.pair.class_logits(features, training=True)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def wrong_labels(labels: tf.Tensor, pair: Pair, draw: Draw) -> tf.Tensor:
  """For each label one of the others, all equally likely: int32 [B]."""
  shift = random.uniform(
    tf.shape(labels), draw.key(random.WRONG_LABELS), 1, pair.num_classes, labels.dtype
  )
  return (labels + shift) % pair.num_classes


def _on(**weights: float) -> dict[str, float]:
  """Those that are not zero."""
  return {name: weight for name, weight in weights.items() if weight}
