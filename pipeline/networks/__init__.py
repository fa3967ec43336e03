"""Generator and discriminator pairs, by name."""

import dataclasses
from collections.abc import Callable

import tf_keras

from pipeline import errors
from pipeline.networks import dcgan, digits
from pipeline.networks.spec import ModelSpec

__all__ = ['ModelSpec', 'Pair', 'build', 'takes_labels']


@dataclasses.dataclass(frozen=True)
class Pair:
  """A generator and the discriminator it is trained against."""

  generator: tf_keras.Model
  discriminator: tf_keras.Model  # of two parts: body and head, as in pipeline.networks.heads
  num_classes: int  # 0 without labels

  def generate(self, latents: object, labels: object, training: bool) -> object:
    """Images [B, H, W, C] in [-1, 1]."""
    return _call(self.generator, latents, labels, training)

  def features(self, images: object, training: bool) -> object:
    """What the discriminator's body sees in images: [B, F]."""
    return self.discriminator.get_layer('body')(images, training=training)

  def logits(self, features: object, labels: object, training: bool) -> object:
    """The discriminator's logits [B] of images with these features and labels."""
    return _call(self.discriminator.get_layer('head'), features, labels, training)

  def discriminate(self, images: object, labels: object, training: bool) -> object:
    """Logits [B]."""
    return self.logits(self.features(images, training), labels, training)


def _call(model: tf_keras.Model, x: object, labels: object, training: bool) -> object:
  """Calls a model that may or may not take labels."""
  return model([x, labels][: len(model.inputs)], training=training)


@dataclasses.dataclass(frozen=True)
class _Entry:
  generator: Callable[[ModelSpec], tf_keras.Model]
  discriminator: Callable[[ModelSpec], tf_keras.Model]
  is_conditional: bool
  size_multiple: int  # of height and width


_NETWORKS = {
  'digits': _Entry(digits.generator, digits.discriminator, True, 4),
  'dcgan': _Entry(dcgan.generator, dcgan.discriminator, False, 4),
}


def takes_labels(network: str) -> bool:
  """Whether the pair uses the labels of labelled data."""
  return _NETWORKS[network].is_conditional


def build(spec: ModelSpec) -> Pair:
  """Builds the pair that `spec` names, under the current dtype policy and strategy.

  Raises:
    ConfigError: an image size that the pair can't make.
  """
  entry = _NETWORKS[spec.network]
  height, width, _ = spec.image_shape
  if height % entry.size_multiple or width % entry.size_multiple:
    raise errors.ConfigError(
      f'--network={spec.network} can not make {height}x{width} images (ingest).'
      f' Choose an --image_size that {entry.size_multiple} divides.'
    )
  return Pair(entry.generator(spec), entry.discriminator(spec), spec.num_classes)
