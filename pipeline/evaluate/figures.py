"""All figures of one set of generated images, with the floor that real images reach beside them.

Every name ends in `@<network>-<digest>`: the same images give other figures through another feature
network.
"""

import numpy as np

from pipeline.evaluate import classes, coverage, frechet, kernel, memorisation, neighbours
from pipeline.evaluate.feature_net import FeatureNet, Reading
from pipeline.evaluate.reference import Reals, Reference

_TINY = 1e-12  # keeps a ratio finite


def judge(
  feature_net: FeatureNet, reals: Reals, fake: Reading, asked_labels: np.ndarray | None
) -> dict[str, float]:
  """Measures generated images.

  Args:
    feature_net: that made the readings.
    reals: real images.
    fake: reading of N generated images, in an order that carries no meaning.
    asked_labels: int [N], the classes that were asked for; None for a generator without labels.

  Returns:
    Figures by name. A floor is measured on as many real training images, or on all there are.
  """
  real = Reading(*(part[: len(fake.features)] for part in reals.floor))
  count = min(len(part.features) for part in (reals.reference, fake, real))
  figures = _with_floor(
    _distances(reals.reference, fake.features, count),
    _distances(reals.reference, real.features, count),
  )
  figures['frechet_ratio'] = _ratio(
    reals.reference, fake.features[: len(real.features)], figures['frechet_floor']
  )
  if feature_net.reads_labels:
    figures |= _with_floor(_classes(fake.probabilities), _classes(real.probabilities))
    if asked_labels is not None:
      figures['label_agreement'] = classes.label_agreement(fake.probabilities, asked_labels)
  figures |= _copies(reals, fake.features)
  return {f'{name}@{feature_net.tag}': value for name, value in figures.items()}


def _distances(reference: Reference, features: np.ndarray, count: int) -> dict[str, float]:
  """Coverage grows with the number of images: it is of `count` of them, fakes or reals."""
  covered, density = coverage.coverage_and_density(reference.features, features[:count])
  return {
    'frechet_distance': frechet.frechet_distance(reference.gaussian, frechet.gaussian(features)),
    'kid': kernel.kernel_distance(reference.features, features),
    'coverage': covered,
    'density': density,
  }


def _ratio(reference: Reference, features: np.ndarray, floor: float) -> float:
  """Fréchet distance of as many fakes as there are floor images, as a multiple of their floor.

  More fakes would be flattered: the distance falls with the number of images.
  """
  distance = frechet.frechet_distance(reference.gaussian, frechet.gaussian(features))
  return distance / max(floor, _TINY)


def _classes(probabilities: np.ndarray) -> dict[str, float]:
  return {
    'confident_share': classes.confident_share(probabilities),
    'class_entropy': classes.class_entropy(probabilities),
  }


def _copies(reals: Reals, fake: np.ndarray) -> dict[str, float]:
  """Memorisation figures; real images have 1 and 0.01 by definition."""
  reference = reals.reference
  fake = fake[: len(reference.features)]
  train = reals.train.features
  fake_to_train = neighbours.nearest_distances(fake, train)
  # A reference image that is itself a training image has itself as its nearest one.
  rank = 2 if reference.is_in_train else 1
  real_to_train = neighbours.nearest_distances(reference.features, train, rank)
  return {
    'nearest_train_ratio': memorisation.nearest_train_ratio(fake_to_train, real_to_train),
    'train_copy_share': memorisation.share_nearer(fake_to_train, real_to_train),
    'duplicate_share': memorisation.duplicate_share(fake, reference.features),
  }


def _with_floor(figures: dict[str, float], floors: dict[str, float]) -> dict[str, float]:
  """Each figure followed by its floor: `kid`, `kid_floor`; `frechet_distance`, `frechet_floor`."""
  together = {}
  for name, value in figures.items():
    together[name] = value
    together[f'{name.removesuffix("_distance")}_floor'] = floors[name]
  return together
