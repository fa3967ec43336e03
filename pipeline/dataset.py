"""What ingest wrote, for the stages after it: its description, and its images in memory.

N images of a split, H height, W width, C channels.
"""

import bisect
import concurrent.futures
import dataclasses
import itertools
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import errors, shard_file

_MEND = shard_file.MEND


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardInfo:
  """One TFRecord file."""

  file: str
  num_images: int
  sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitInfo:
  """One split."""

  num_images: int
  class_counts: tuple[int, ...]  # [num_classes]
  pixel_mean: tuple[float, ...]  # [C] levels 0 to 255
  pixel_std: tuple[float, ...]  # [C] levels 0 to 255
  shards: tuple[ShardInfo, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetInfo:
  """The content of dataset.json."""

  name: str
  image_shape: tuple[int, int, int]  # H, W, C
  num_classes: int  # 0 without labels
  class_names: tuple[str, ...]
  splits: Mapping[str, SplitInfo]  # 'train'; 'test' if the source has it; perhaps 'anomalous'
  quarantined: int
  source: Mapping[str, Any]


def load_info(ingest_dir: pathlib.Path) -> DatasetInfo:
  """Reads dataset.json.

  Raises:
    ArtifactError: it is missing or malformed.
  """
  path = ingest_dir / 'dataset.json'
  try:
    return _info(json.loads(path.read_text(encoding='utf-8')))
  except OSError as error:
    raise errors.ArtifactError(f'{path} could not be read: {error.strerror}. {_MEND}') from error
  except (KeyError, TypeError, ValueError, AttributeError) as error:
    problem = f'{type(error).__name__}: {error}'
    raise errors.ArtifactError(f'{path} is malformed ({problem}). {_MEND}') from error


def load_split(
  ingest_dir: pathlib.Path, split: str, wanted: range | None = None
) -> tuple[np.ndarray, np.ndarray]:
  """Reads a split into memory, its shards in parallel.

  Args:
    ingest_dir: what the ingest stage wrote.
    split: 'train', 'test' or 'anomalous'.
    wanted: positions of the images to return; None is all. Only shards that hold some are read.

  Returns:
    images [N, H, W, C] uint8, and labels [N] int64: zeros without classes.

  Raises:
    ArtifactError: no such split; a shard that is missing or corrupt, or whose records are not as
      dataset.json says.
  """
  info = load_info(ingest_dir)
  if split not in info.splits:
    raise errors.ArtifactError(
      f'{ingest_dir} has no {split} split, only {", ".join(info.splits)}. Ingest a source with one.'
    )
  shards, skipped = _shards_with(info.splits[split].shards, wanted)
  with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
    loaded = list(threads.map(lambda shard: _load_shard(ingest_dir, shard, info), shards))
  kept = slice(wanted.start - skipped, wanted.stop - skipped) if wanted else slice(None)
  images, labels = (np.concatenate(arrays) for arrays in zip(*loaded, strict=True))
  return images[kept], labels[kept]


def _shards_with(shards: Sequence[ShardInfo], wanted: range | None) -> tuple[list[ShardInfo], int]:
  """The shards that hold some of the images, and the number of images before them."""
  if not wanted:
    return list(shards), 0
  ends = list(itertools.accumulate(shard.num_images for shard in shards))
  first, last = (bisect.bisect_right(ends, image) for image in (wanted[0], wanted[-1]))
  return list(shards[first : last + 1]), ends[first] - shards[first].num_images


def _info(values: dict[str, Any]) -> DatasetInfo:
  height, width, channels = map(int, values['image_shape'])
  return DatasetInfo(
    name=values['name'],
    image_shape=(height, width, channels),
    num_classes=int(values['num_classes']),
    class_names=tuple(values['class_names']),
    splits={name: _split_info(split) for name, split in values['splits'].items()},
    quarantined=int(values['quarantined']),
    source=values['source'],
  )


def _split_info(values: dict[str, Any]) -> SplitInfo:
  return SplitInfo(
    num_images=int(values['num_images']),
    class_counts=tuple(values['class_counts']),
    pixel_mean=tuple(values['pixel_mean']),
    pixel_std=tuple(values['pixel_std']),
    shards=tuple(ShardInfo(**shard) for shard in values['shards']),
  )


def _load_shard(
  ingest_dir: pathlib.Path, shard: ShardInfo, info: DatasetInfo
) -> tuple[np.ndarray, np.ndarray]:
  path = ingest_dir / shard.file
  return shard_file.load(path, shard.num_images, info.image_shape, info.num_classes)
