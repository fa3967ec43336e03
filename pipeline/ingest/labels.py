"""Class labels: integers that count from 0 without a gap."""

import numpy as np

from pipeline import errors


def names(labels: np.ndarray) -> tuple[str, ...]:
  """Names of the classes: the run '0', '1', '2', … that the labels fill without a gap."""
  present = np.unique(labels[labels >= 0])
  gaps = np.flatnonzero(present != np.arange(present.size))
  return tuple(str(k) for k in range(gaps[0] if gaps.size else present.size))


def check(labels: np.ndarray, num_classes: int, where: str) -> None:
  """Refuses labels outside the classes.

  Args:
    labels: [N] integers.
    num_classes: K; labels may be 0 to K - 1.
    where: what to call them in an error.

  Raises:
    DataError: a label below 0, or K and above.
  """
  outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
  if outside.size:
    known = (
      f'the classes 0 to {num_classes - 1}' if num_classes else 'the classes: none has label 0'
    )
    raise errors.DataError(
      f'{where}: label {labels[outside[0]]} of record {outside[0]} is outside {known}'
      f' ({outside.size} such). Correct the labels; classes count from 0 without a gap.'
    )
