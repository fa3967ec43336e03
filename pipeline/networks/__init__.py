"""Generator and discriminator pairs, by name."""

import dataclasses
from collections.abc import Callable

import tf_keras

from pipeline import errors
from pipeline.networks import dcgan, dcgan64, digits, mlp, residual, spectral
from pipeline.networks.pair import Pair
from pipeline.networks.spec import ModelSpec

__all__ = [
  'ModelSpec',
  'Pair',
  'build',
  'build_discriminator',
  'build_generator',
  'folded',
  'own_conditioning',
]


@dataclasses.dataclass(frozen=True)
class _Entry:
  """A network of the table below."""

  generator: Callable[[ModelSpec], tf_keras.Model]
  discriminator: Callable[[ModelSpec], tf_keras.Model]
  size_multiple: int  # of height and width
  conditioning: str = 'none'  # on labelled data, unless the settings say another


_NETWORKS = {
  'digits': _Entry(digits.generator, digits.discriminator, 4, 'per_class'),
  'residual': _Entry(residual.generator, residual.discriminator, 4, 'per_class'),
  'mlp': _Entry(mlp.generator, mlp.discriminator, 1),
  'dcgan': _Entry(dcgan.generator, dcgan.discriminator, 4),
  'dcgan64': _Entry(dcgan64.generator, dcgan64.discriminator, 16),
  'dcgan_deconv4': _Entry(dcgan.deconv4_generator, dcgan.deconv4_discriminator, 4),
  'dcgan_bn': _Entry(dcgan.bn_generator, dcgan.bn_discriminator, 4),
}


def own_conditioning(network: str) -> str:
  """How the pair uses the labels of labelled data, unless the settings say another."""
  return _NETWORKS[network].conditioning


def build(spec: ModelSpec) -> Pair:
  """Builds the pair that `spec` names, under the current dtype policy and strategy.

  Raises:
    ConfigError: an image size that the pair can't make.
  """
  return Pair(build_generator(spec), build_discriminator(spec), spec.num_classes)


def build_generator(spec: ModelSpec) -> tf_keras.Model:
  """The generator of the pair; see `build`."""
  return _entry(spec).generator(spec)


def build_discriminator(spec: ModelSpec) -> tf_keras.Model:
  """The discriminator of the pair; see `build`."""
  return _entry(spec).discriminator(spec)


def folded(spec: ModelSpec, discriminator: tf_keras.Model) -> tf_keras.Model:
  """The discriminator that `spec` names as it is exported: without what only training needs.

  The factors of spectral normalisation go into the kernels; dropout is left out.
  """
  plain = build_discriminator(dataclasses.replace(spec, spectral_norm=False, dropout=0.0))
  plain.set_weights(spectral.folded_weights(discriminator))
  return plain


def _entry(spec: ModelSpec) -> _Entry:
  entry = _NETWORKS[spec.network]
  height, width, _ = spec.image_shape
  if height % entry.size_multiple or width % entry.size_multiple:
    raise errors.ConfigError(
      f'--network={spec.network} can not make {height}x{width} images (ingest).'
      f' Choose an --image_size that {entry.size_multiple} divides.'
    )
  return entry
