"""Fréchet distance of two sets of features, each seen as one Gaussian.

Legend: N images, D features.

Source: Heusel et al. 2017, arXiv:1706.08500, eq. 6. The distance grows as N shrinks, whatever the
images, so compare only figures of equal N and through the same feature network.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Gaussian:
  """Mean float64 [D] and unbiased covariance float64 [D, D]."""

  mean: np.ndarray
  covariance: np.ndarray


def gaussian(features: np.ndarray) -> Gaussian:
  """The Gaussian of features [N, D], N >= 2; computed in float64."""
  if len(features) < 2:
    raise ValueError(
      f'{len(features)} features (gaussian) have no covariance. Pass 2 images or more.'
    )
  features = features.astype(np.float64)
  return Gaussian(
    features.mean(axis=0), np.cov(features, rowvar=False).reshape(features.shape[1], -1)
  )


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
  """Squared 2-Wasserstein distance of two Gaussians, in squared feature units.

  |mean_a - mean_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2), which has the trace of the usual (A
  B)^1/2 and symmetric matrices throughout: their eigenvalues are real and stable where a general
  matrix root of singular covariances is not.

  Returns:
    >= 0; 0 for equal Gaussians.
  """
  root = _square_root(a.covariance)
  product_eigenvalues = np.linalg.eigvalsh(root @ b.covariance @ root)
  trace = np.trace(a.covariance) + np.trace(b.covariance)
  trace -= 2 * np.sqrt(np.maximum(product_eigenvalues, 0)).sum()
  return max(float(np.square(a.mean - b.mean).sum() + trace), 0.0)


def _square_root(covariance: np.ndarray) -> np.ndarray:
  eigenvalues, vectors = np.linalg.eigh(covariance)
  return (vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T
