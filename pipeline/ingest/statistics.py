"""Exact statistics of a split: integers until the last division, so no order of summing shows."""

import dataclasses
import math
from typing import Any

import numpy as np

from pipeline.ingest.source import Decoded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
  """Sums over images; K classes, C channels."""

  num_images: int
  num_pixels: int  # in one channel
  class_counts: tuple[int, ...]  # [K]
  sums: tuple[int, ...]  # [C] sum of levels
  squares: tuple[int, ...]  # [C] sum of squared levels

  def __add__(self, other: 'Statistics') -> 'Statistics':
    return Statistics(
      num_images=self.num_images + other.num_images,
      num_pixels=self.num_pixels + other.num_pixels,
      class_counts=_add(self.class_counts, other.class_counts),
      sums=_add(self.sums, other.sums),
      squares=_add(self.squares, other.squares),
    )

  def as_json(self) -> dict[str, Any]:
    """Counts, and per channel the mean and standard deviation in levels 0 to 255."""
    n = max(self.num_pixels, 1)
    variances = (n * q - s * s for s, q in zip(self.sums, self.squares, strict=True))
    return {
      'num_images': self.num_images,
      'class_counts': list(self.class_counts),
      'pixel_mean': [s / n for s in self.sums],
      'pixel_std': [math.sqrt(v) / n for v in variances],
    }


def zero(num_classes: int, num_channels: int) -> Statistics:
  """Of no images."""
  none = (0,) * num_channels
  return Statistics(
    num_images=0, num_pixels=0, class_counts=(0,) * num_classes, sums=none, squares=none
  )


def of_block(block: Decoded, num_classes: int) -> Statistics:
  """Of the images of one block."""
  num_images, height, width, num_channels = block.images.shape
  levels = np.arange(256, dtype=np.uint64)
  # Counting levels first is exact and quicker than squaring every pixel in a wide type.
  counts = [
    np.bincount(block.images[..., c].ravel(), minlength=256).astype(np.uint64)
    for c in range(num_channels)
  ]
  labels = np.empty(0, np.int64) if block.labels is None else block.labels
  return Statistics(
    num_images=num_images,
    num_pixels=num_images * height * width,
    class_counts=tuple(np.bincount(labels, minlength=num_classes).tolist()),
    sums=tuple(int(n @ levels) for n in counts),
    squares=tuple(int(n @ levels**2) for n in counts),
  )


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
  return tuple(x + y for x, y in zip(a, b, strict=True))
