"""Kernel distance (KID): a two-sample statistic that isn't biased by the number of images.

Legend: N, M images, D features.

Source: Bińkowski et al. 2018, arXiv:1801.01401, section 4: the unbiased squared maximum mean
discrepancy under the kernel k(x, y) = (x.y / D + 1)^3.
"""

import numpy as np

_CHUNK = 500  # rows of a kernel matrix in memory at once


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
  """Unbiased squared MMD of features a [N, D] and b [M, D], both of 2 rows or more.

  Returns:
    Expectation 0 for samples of one distribution, so it may be slightly negative.
  """
  a, b = a.astype(np.float64), b.astype(np.float64)
  return _mean_within(a) + _mean_within(b) - 2 * _mean_between(a, b)


def _mean_within(x: np.ndarray) -> float:
  """Mean kernel over pairs of different rows; each pair is computed once."""
  total = 0.0
  for start in range(0, len(x), _CHUNK):
    block = x[start : start + _CHUNK]
    own, others = _kernel(block, block), _kernel(block, x[start + _CHUNK :])
    total += own.sum() - np.trace(own) + 2 * others.sum()
  return float(total / (len(x) * (len(x) - 1)))


def _mean_between(x: np.ndarray, y: np.ndarray) -> float:
  starts = range(0, len(x), _CHUNK)
  return float(sum(_kernel(x[i : i + _CHUNK], y).sum() for i in starts) / (len(x) * len(y)))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  base = x @ y.T
  base /= x.shape[1]
  base += 1
  return np.asarray(base * base * base)
