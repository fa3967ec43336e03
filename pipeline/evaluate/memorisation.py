"""Are the fakes copies: of training images, or of each other?

Legend: N fakes, M training images, R real images that serve as the measure, D features.

Source: the comparison of fakes-to-train with held-out-to-train distances is Meehan et al. 2020,
arXiv:2004.05675. Theirs is a rank test; here the medians' ratio and a share below a quantile are
shown, which read as quantities.
"""

import numpy as np

from pipeline.evaluate import neighbours

_TINY = 1e-30  # keeps a ratio finite
COPY_QUANTILE = 0.01  # by definition the share that real images would reach


def nearest_train_ratio(fake_to_train: np.ndarray, real_to_train: np.ndarray) -> float:
  """Median distance of fakes [N] to their nearest training image over that of real images [R].

  Returns:
    About 1 for new images as varied as real ones; towards 0 for copies. NaN-free: 1 if both medians
    are 0.
  """
  fake, real = float(np.median(fake_to_train)), float(np.median(real_to_train))
  return 1.0 if fake == real else fake / max(real, _TINY)


def share_nearer(distances: np.ndarray, real_distances: np.ndarray) -> float:
  """Share of distances [N] below the 1 % quantile of the same distances among real images [R].

  Returns:
    About 0.01 for images that are as far from each other, or from the training images, as real ones
    are.
  """
  return float(np.mean(distances < np.quantile(real_distances, COPY_QUANTILE)))


def duplicate_share(fake: np.ndarray, real: np.ndarray) -> float:
  """Share of fakes with another fake nearer than real images almost ever are to one another.

  Distances to the nearest of many shrink with their number, so the first min(N, R) of both are
  compared.

  Args:
    fake: float32 [N, D], 2 or more.
    real: float32 [R, D], 2 or more.

  Returns:
    About 0.01 for fakes as varied as the real images; towards 1 for few images many times over.
  """
  count = min(len(fake), len(real))
  fake, real = fake[:count], real[:count]
  return share_nearer(
    neighbours.nearest_distances(fake, fake, rank=2),
    neighbours.nearest_distances(real, real, rank=2),
  )
