"""How the files keep values in int8: latents by scale and zero point, grey levels less 128."""

import numpy as np

GREY_OFFSET = 128  # from an int8 pixel to its grey level


def coded(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
  """The nearest int8 values, of the same shape; what lies outside is clipped."""
  return np.clip(np.round(values / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)


def grey_levels(pixels: np.ndarray) -> np.ndarray:
  """uint8 grey levels of int8 pixels, of the same shape."""
  return (pixels.astype(np.int16) + GREY_OFFSET).astype(np.uint8)
