"""Grids of images, as pictures to look at.

Legend: N images, H height, W width, C channels.
"""

import pathlib
from collections.abc import Sequence

import numpy as np
import PIL.Image

_GAP = 2  # pixels between images
BACKGROUND = 128  # grey, to tell dark digits and light photographs from the gap alike


def grid(images: np.ndarray, columns: int) -> PIL.Image.Image:
  """One picture of all images, row by row; the last row may be short.

  Args:
    images: uint8 [N, H, W, C], C 1 or 3, N >= 1.
    columns: images a row.

  Raises:
    ValueError: images of another type or shape, or no column.
  """
  if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
    raise ValueError(
      f'images are {images.dtype} {images.shape} (grid). Pass uint8 [N, H, W, C] with C 1 or 3.'
    )
  if not len(images) or columns < 1:
    raise ValueError(f'{len(images)} images, columns={columns} (grid). Each must be 1 or more.')
  count, height, width, channels = images.shape
  columns = min(columns, count)
  rows = -(-count // columns)
  cell = (height + _GAP, width + _GAP)
  canvas = np.full(
    (rows * cell[0] + _GAP, columns * cell[1] + _GAP, channels), BACKGROUND, np.uint8
  )
  for index, image in enumerate(images):
    top, left = index // columns * cell[0] + _GAP, index % columns * cell[1] + _GAP
    canvas[top : top + height, left : left + width] = image
  return PIL.Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)


def save_grid(path: pathlib.Path, images: np.ndarray, columns: int) -> None:
  """Writes `grid(images, columns)` as PNG."""
  grid(images, columns).save(path, format='PNG', optimize=True)


def cell(picture: np.ndarray, index: int, image_shape: Sequence[int]) -> np.ndarray:
  """Takes an image out of a grid.

  Args:
    picture: uint8 [height, width, C], drawn by `grid`.
    index: of the image.
    image_shape: (H, W, C) of each.

  Returns:
    uint8 [H, W, C]; smaller where the grid ends before it.
  """
  height, width = image_shape[:2]
  columns = max((picture.shape[1] - _GAP) // (width + _GAP), 1)
  row, column = divmod(index, columns)
  top, left = row * (height + _GAP) + _GAP, column * (width + _GAP) + _GAP
  return picture[top : top + height, left : left + width]
