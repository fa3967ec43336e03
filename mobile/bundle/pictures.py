"""golden.png: the pictures that an app's self-test must make.

Legend: N pictures, H height, W width, C channels.
"""

import pathlib

import numpy as np
import PIL.Image

_COLUMNS = 8
_GAP = 2  # pixels around each picture
_BACKGROUND = 128
_MIN_HEIGHT = 56  # of a picture in the sheet


def write(path: pathlib.Path, pixels: np.ndarray) -> None:
  """Draws pictures in rows of eight.

  Args:
    path: PNG to write.
    pixels: uint8 [N, H, W, C], C 1 or 3.
  """
  sheet = _sheet(pixels, scale=-(-_MIN_HEIGHT // pixels.shape[1]))
  PIL.Image.fromarray(sheet.squeeze()).save(path, optimize=True)


def _sheet(pixels: np.ndarray, scale: int) -> np.ndarray:
  """uint8 [N, H, W, C] -> [rows * H', columns * W', C]."""
  pixels = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
  missing = -len(pixels) % _COLUMNS
  around = [(0, missing), (_GAP, _GAP), (_GAP, _GAP), (0, 0)]
  pixels = np.pad(pixels, around, constant_values=_BACKGROUND)
  _, H, W, C = pixels.shape
  rows = pixels.reshape(-1, _COLUMNS, H, W, C).swapaxes(1, 2)
  return rows.reshape(-1, _COLUMNS * W, C)
