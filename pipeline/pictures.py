"""Grids of images, as pictures to look at.

Legend: N images, H height, W width, C channels.
"""

import pathlib

import numpy as np
import PIL.Image

_GAP = 2  # pixels between images
BACKGROUND = 128  # grey, to tell dark digits and light photographs from the gap alike


def grid(images: np.ndarray, columns: int, scale: int = 1) -> PIL.Image.Image:
  """One picture of all images, row by row; the last row may be short.

  Args:
    images: uint8 [N, H, W, C], C 1 or 3, N >= 1.
    columns: images a row.
    scale: pixels of the picture per pixel of an image, by repetition.

  Raises:
    ValueError: images of another type or shape, or no column.
  """
  if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
    raise ValueError(
      f'images are {images.dtype} {images.shape} (grid). Pass uint8 [N, H, W, C] with C 1 or 3.'
    )
  if not len(images) or columns < 1 or scale < 1:
    raise ValueError(
      f'{len(images)} images, columns={columns}, scale={scale} (grid). Each must be 1 or more.'
    )
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
  canvas = canvas.repeat(scale, axis=0).repeat(scale, axis=1)
  return PIL.Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)


def save_grid(path: pathlib.Path, images: np.ndarray, columns: int, scale: int = 1) -> None:
  """Writes `grid(images, columns, scale)` as PNG."""
  grid(images, columns, scale).save(path, format='PNG', optimize=True)
