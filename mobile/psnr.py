"""The peak signal-to-noise ratio of pictures in grey levels."""

import numpy as np

_OF_EQUAL_DB = 99.0  # stands for infinity, which has no place in JSON


def psnr_db(squared_levels: np.ndarray | float) -> np.ndarray:
  """Of mean squared errors.

  Args:
    squared_levels: in squared grey levels, of any shape.

  Returns:
    float64 of the same shape, in dB; 99 for equal pictures.
  """
  with np.errstate(divide='ignore'):
    return np.minimum(10 * np.log10(255**2 / np.asarray(squared_levels)), _OF_EQUAL_DB)
