"""Adversarial losses: logits in, one value per example out, no reduction.

Legend: B batch. Every function takes real_logits and fake_logits, [B] float32, the discriminator's
outputs for paired real and generated images, and returns [B] float32 to be averaged. Those that
teach the discriminator a target for real images also take it as real_target: 1, or less for
one-sided label smoothing (Salimans et al. 2016, arXiv:1606.03498, section 3.4).
"""

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

LossFunction = Callable[..., tf.Tensor]


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
  """What each network minimises."""

  discriminator: LossFunction
  generator: LossFunction
  has_target: bool = False  # whether `discriminator` takes a real_target

  def smoothed(self, smoothing: float) -> 'AdversarialLoss':
    """The same with 1 - smoothing as the target of real images; 0 changes nothing."""
    if not smoothing:
      return self
    target = functools.partial(self.discriminator, real_target=1 - smoothing)
    return dataclasses.replace(self, discriminator=target)


def non_saturating_discriminator(
  real_logits: tf.Tensor, fake_logits: tf.Tensor, real_target: float = 1.0
) -> tf.Tensor:
  """-t log D(x) - (1 - t) log(1 - D(x)) - log(1 - D(G(z))), t the real target.

  Source: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.
  """
  real = tf.nn.softplus(-real_logits) + (1 - real_target) * real_logits
  return real + tf.nn.softplus(fake_logits)


def non_saturating_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log D(G(z)). Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3."""
  del real_logits
  return tf.nn.softplus(-fake_logits)


def minimax_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """log(1 - D(G(z))). Source: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1."""
  del real_logits
  return -tf.nn.softplus(fake_logits)


def least_squares_discriminator(
  real_logits: tf.Tensor, fake_logits: tf.Tensor, real_target: float = 1.0
) -> tf.Tensor:
  """1/2 (D(x) - t)^2 + 1/2 D(G(z))^2. Source: Mao et al. 2017, arXiv:1611.04076, eq. 9."""
  return 0.5 * (tf.square(real_logits - real_target) + tf.square(fake_logits))


def least_squares_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """1/2 (D(G(z)) - 1)^2. Source: Mao et al. 2017, arXiv:1611.04076, eq. 9."""
  del real_logits
  return 0.5 * tf.square(fake_logits - 1)


def hinge_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """max(0, 1 - D(x)) + max(0, 1 + D(G(z))). Source: Lim and Ye 2017, arXiv:1705.02894."""
  return tf.nn.relu(1 - real_logits) + tf.nn.relu(1 + fake_logits)


def raise_fake(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-D(G(z)), the generator's side of hinge and of Wasserstein.

  Source: Lim and Ye 2017, arXiv:1705.02894; Arjovsky et al. 2017, arXiv:1701.07875.
  """
  del real_logits
  return -fake_logits


def wasserstein_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """D(G(z)) - D(x). Source: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1."""
  return fake_logits - real_logits


def relativistic_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log sigmoid(D(x) - D(G(z))). Source: Huang et al. 2024, arXiv:2501.05441, eq. 2."""
  return tf.nn.softplus(fake_logits - real_logits)


def relativistic_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log sigmoid(D(G(z)) - D(x)). Source: Huang et al. 2024, arXiv:2501.05441, eq. 2."""
  return tf.nn.softplus(real_logits - fake_logits)


def relativistic_average_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log s(D(x) - E D(G(z))) - log(1 - s(D(G(z)) - E D(x))), E over the replica's batch, s sigmoid.

  Source: Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2.
  """
  real = real_logits - tf.reduce_mean(fake_logits)
  fake = fake_logits - tf.reduce_mean(real_logits)
  return tf.nn.softplus(-real) + tf.nn.softplus(fake)


def relativistic_average_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """The discriminator's loss with real and generated exchanged. Source: as above."""
  return relativistic_average_discriminator(fake_logits, real_logits)


LOSSES = {
  'non_saturating': AdversarialLoss(
    non_saturating_discriminator, non_saturating_generator, has_target=True
  ),
  'minimax': AdversarialLoss(non_saturating_discriminator, minimax_generator, has_target=True),
  'least_squares': AdversarialLoss(
    least_squares_discriminator, least_squares_generator, has_target=True
  ),
  'hinge': AdversarialLoss(hinge_discriminator, raise_fake),
  'wasserstein': AdversarialLoss(wasserstein_discriminator, raise_fake),
  'relativistic': AdversarialLoss(relativistic_discriminator, relativistic_generator),
  'relativistic_average': AdversarialLoss(
    relativistic_average_discriminator, relativistic_average_generator
  ),
}
