"""Makes the images that are judged, each from its own seed.

Legend: N images, H height, W width, C channels.
"""

import enum
from collections.abc import Callable

import numpy as np

from pipeline import errors, latents
from pipeline.generator import Generator, to_pixels

_CHUNK = 2500  # images between two reports of progress


class Purpose(enum.IntEnum):
  """What images are made for; each has seeds of its own, so that no image serves two purposes."""

  SELECTION = 1
  REPORT = 2
  SAMPLES = 3


def seeds_for(purpose: Purpose, run_seed: int, count: int) -> np.ndarray:
  """int64 [count]: seeds of a purpose; other run seeds give others, up to 2^24 images."""
  return (int(purpose) << 58) + (run_seed << 24) + np.arange(count, dtype=np.int64)


def make_pixels(
  source: Generator,
  seeds: np.ndarray,
  labels: np.ndarray | None,
  on_images: Callable[[int], None] = lambda count: None,
) -> np.ndarray:
  """The images of seeds, as uint8.

  Args:
    source: generator.
    seeds: int64 [N].
    labels: int [N]; None for a generator without labels.
    on_images: called with the number of images made so far.

  Returns:
    uint8 [N, H, W, C].

  Raises:
    ArtifactError: pixels that are not finite.
  """
  chunks = []
  for start in range(0, len(seeds), _CHUNK):
    rows = slice(start, min(start + _CHUNK, len(seeds)))
    noise = latents.latents_from_seeds(seeds[rows], source.spec.latent_size).numpy()
    images = source.images(noise, None if labels is None else labels[rows])
    if not np.isfinite(images).all():
      raise errors.ArtifactError(
        'a snapshot makes pixels that are not finite (evaluate).'
        ' Train again with lower learning rates.'
      )
    chunks.append(to_pixels(images))
    on_images(rows.stop)
  return np.concatenate(chunks)
