"""Pictures inside the page: contact sheets, and data URIs of a bounded size.

Legend: N images, H height, W width, C channels (1 or 3).
"""

import base64
import dataclasses
import io
import pathlib

import numpy as np
import PIL.Image

from pipeline.report import facts

_SMOOTH_ABOVE = 48  # images larger than this look better smoothed than as blocks when enlarged


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
  """An image as the page embeds it."""

  uri: str
  width: int
  height: int
  lossless: bool


def read(path: pathlib.Path) -> np.ndarray:
  """A picture file as uint8 [H, W, C].

  Raises:
    ArtifactError: it is missing or no picture.
  """
  try:
    with PIL.Image.open(path) as image:
      grey = image.mode in ('1', 'L', 'I', 'I;16')
      pixels = np.asarray(image.convert('L' if grey else 'RGB'))
  except (OSError, SyntaxError, ValueError) as error:
    raise facts.damaged(path, 'is not a picture that can be read') from error
  return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def embed(pixels: np.ndarray, max_bytes: int) -> Picture:
  """A data URI: PNG if it stays within `max_bytes`, else WebP, smaller and smaller.

  Args:
    pixels: uint8 [H, W, C].
    max_bytes: bound of the encoded picture, before base64.
  """
  image = PIL.Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
  data, kind = _encode(image, 'PNG'), 'png'
  while len(data) > max_bytes:
    data, kind = _encode(image.convert('RGB'), 'WEBP', quality=82), 'webp'
    if len(data) > max_bytes:
      image = image.resize(
        (max(image.width * 2 // 3, 1), max(image.height * 2 // 3, 1)), PIL.Image.Resampling.LANCZOS
      )
    if max(image.size) < 16:
      break
  return Picture(
    uri=f'data:image/{kind};base64,{base64.b64encode(data).decode()}',
    width=pixels.shape[1],
    height=pixels.shape[0],
    lossless=kind == 'png',
  )


def is_blocky(image_shape: list[int] | tuple[int, ...]) -> bool:
  """Whether samples are so small that they should be enlarged as square pixels."""
  return max(image_shape[:2], default=0) <= _SMOOTH_ABOVE


def sheet(images: np.ndarray, num_columns: int) -> np.ndarray:
  """A contact sheet, row by row, without gaps: uint8 [N, H, W, C] -> [rows * H, columns * W, C]."""
  N, H, W, C = images.shape
  num_rows = -(-N // num_columns)
  padded = np.zeros((num_rows * num_columns, H, W, C), np.uint8)
  padded[:N] = images
  grid = padded.reshape(num_rows, num_columns, H, W, C)
  return grid.transpose(0, 2, 1, 3, 4).reshape(num_rows * H, num_columns * W, C)


def _encode(image: PIL.Image.Image, kind: str, **options: object) -> bytes:
  buffer = io.BytesIO()
  image.save(buffer, kind, **options)
  return buffer.getvalue()
