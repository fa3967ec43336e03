"""Adversarial losses: logits in, one value per example out, no reduction.

Legend: B batch. Every function takes real_logits and fake_logits, [B] float32, the discriminator's
outputs for paired real and generated images, and returns [B] float32 to be averaged.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

LossFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
  """What each network minimises."""

  discriminator: LossFunction
  generator: LossFunction


def non_saturating_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log D(x) - log(1 - D(G(z))). Source: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1."""
  return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def non_saturating_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log D(G(z)). Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3."""
  del real_logits
  return tf.nn.softplus(-fake_logits)


def hinge_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """max(0, 1 - D(x)) + max(0, 1 + D(G(z))). Source: Lim and Ye 2017, arXiv:1705.02894."""
  return tf.nn.relu(1 - real_logits) + tf.nn.relu(1 + fake_logits)


def hinge_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-D(G(z)). Source: Lim and Ye 2017, arXiv:1705.02894."""
  del real_logits
  return -fake_logits


def relativistic_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log sigmoid(D(x) - D(G(z))). Source: Huang et al. 2024, arXiv:2501.05441, eq. 2."""
  return tf.nn.softplus(fake_logits - real_logits)


def relativistic_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
  """-log sigmoid(D(G(z)) - D(x)). Source: Huang et al. 2024, arXiv:2501.05441, eq. 2."""
  return tf.nn.softplus(real_logits - fake_logits)


LOSSES = {
  'non_saturating': AdversarialLoss(non_saturating_discriminator, non_saturating_generator),
  'hinge': AdversarialLoss(hinge_discriminator, hinge_generator),
  'relativistic': AdversarialLoss(relativistic_discriminator, relativistic_generator),
}
