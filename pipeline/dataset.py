"""What ingest wrote, for the stages after it: description, images in memory, and training batches.

N images of a split, B batch, H height, W width, C channels.
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
import tensorflow as tf

from pipeline import errors
from pipeline.parts import Parts

_RECORDS_PER_PARSE = 1024
_READ_BYTES = 1 << 20
_SHUFFLE_ROUNDS = 16  # TensorFlow's own 4 leave the orders of successive epochs correlated
_PARALLEL_BATCHES, _PREFETCHED = 2, 8  # gathering a batch takes a fraction of a step
_MEND = 'Ingest it again with --stages=ingest.'


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
  splits: Mapping[str, SplitInfo]  # 'train', and 'test' if the source has it
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
    split: 'train' or 'test'.
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


def training_batches(
  images: np.ndarray,
  labels: np.ndarray,
  batch_size: int,
  seed: int,
  first_step: int,
  parts: Parts | None = None,
) -> tf.data.Dataset:
  """An endless stream of shuffled batches that can begin anywhere.

  Position p = step · B + j of a replica's stream holds image permutation(p mod N) of epoch p div N,
  of the N images of its part. So every epoch visits each image once, batches may straddle epochs,
  and the stream from `first_step` is the tail of the stream from 0: to resume, nothing has to be
  stored or skipped.

  Args:
    images: [N, H, W, C] uint8, of this process.
    labels: [N] integers.
    batch_size: B, of one replica.
    seed: of the permutations.
    first_step: step of the first batch.
    parts: of the replicas; None is one that has all images.

  Returns:
    Dataset of (images uint8 [B, H, W, C], labels int32 [B]): of each replica of this process in
    turn, then of the next step.

  Raises:
    DataError: fewer images than one batch.
  """
  parts = parts or Parts(len(images))
  if batch_size > parts.num_images // parts.num_replicas:
    raise errors.DataError(
      f'--batch_size={batch_size * parts.num_replicas} is larger than the {parts.num_images}'
      f' training images. Choose {parts.num_images} or less, or ingest more images.'
    )
  # On the CPU and captured by reference: neither copied to a GPU nor written into a graph.
  with tf.device('CPU:0'):
    all_images = tf.convert_to_tensor(images, tf.uint8)
    all_labels = tf.convert_to_tensor(labels, tf.int32)

  edges = np.array(parts.edges) - parts.edges[0]

  def batch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    step, part = number // parts.number, number % parts.number
    begin, end = tf.gather(edges, part), tf.gather(edges, part + 1)
    indices = begin + batch_indices(step, batch_size, end - begin, seed, parts.first + part)
    return tf.gather(all_images, indices), tf.gather(all_labels, indices)

  numbers = tf.data.Dataset.counter(start=first_step * parts.number)
  batches = numbers.map(batch, _PARALLEL_BATCHES, deterministic=True).prefetch(_PREFETCHED)
  # The tuner's thread, asked to end, may sleep on for up to a minute (TF 2.21).
  options = tf.data.Options()
  options.autotune.enabled = False
  return batches.with_options(options)


def batch_indices(
  step: tf.Tensor,
  batch_size: int,
  num_images: tf.Tensor | int,
  seed: int,
  part: tf.Tensor | int = 0,
) -> tf.Tensor:
  """Which images the batch of a step holds.

  Args:
    step: int64 scalar.
    batch_size: B.
    num_images: N.
    seed: of the permutations.
    part: another has permutations of its own.

  Returns:
    [B] int64 in [0, N).
  """
  positions = step * batch_size + tf.range(batch_size, dtype=tf.int64)
  epochs = positions // num_images
  ones = tf.ones_like(epochs)
  seeds = tf.stack([ones * seed, epochs, ones * part], axis=1)
  # The public function tf.random.experimental.index_shuffle pads a batch of seeds along the wrong
  # axis (TF 2.21) and fixes the rounds; this is the operation beneath it.
  return tf.raw_ops.RandomIndexShuffle(
    index=positions % num_images,
    seed=seeds,
    max_index=tf.cast(num_images - 1, tf.int64),
    rounds=_SHUFFLE_ROUNDS,
  )


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
  images, labels = [np.empty((0, *info.image_shape), np.uint8)], [np.empty(0, np.int64)]
  try:
    for records in tf.data.TFRecordDataset(str(path), buffer_size=_READ_BYTES).batch(
      _RECORDS_PER_PARSE
    ):
      batch_images, batch_labels = _parse(records, path, info)
      images.append(batch_images)
      labels.append(batch_labels)
  except tf.errors.NotFoundError as error:
    raise errors.ArtifactError(f'{path} is missing. {_MEND}') from error
  except tf.errors.OpError as error:
    reason = ' '.join(str(error.message).split())
    raise errors.ArtifactError(f'{path} is corrupt ({reason}). {_MEND}') from error
  num_images = sum(map(len, images))
  if num_images != shard.num_images:
    raise errors.ArtifactError(
      f'{path} holds {num_images} images, expected {shard.num_images} (dataset.json). {_MEND}'
    )
  return np.concatenate(images), np.concatenate(labels)


def _parse(
  records: tf.Tensor, path: pathlib.Path, info: DatasetInfo
) -> tuple[np.ndarray, np.ndarray]:
  features: dict[str, Any] = {'image': tf.io.FixedLenFeature([], tf.string)}
  if info.num_classes:
    features['label'] = tf.io.FixedLenFeature([], tf.int64)
  try:
    parsed = tf.io.parse_example(records, features)
  # TensorFlow quotes the record in its message; one that is not UTF-8 breaks the message itself.
  except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
    raise _unexpected(records, path, features) from error
  labels = np.zeros(len(records), np.int64)
  if info.num_classes:
    labels = parsed['label'].numpy()
    _check_labels(labels, path, info.num_classes)
  return _pixels(parsed['image'].numpy(), path, info.image_shape), labels


def _pixels(
  contents: np.ndarray, path: pathlib.Path, image_shape: tuple[int, int, int]
) -> np.ndarray:
  num_bytes = int(np.prod(image_shape))
  for content in contents:
    if len(content) != num_bytes:
      raise errors.ArtifactError(
        f"{path}: feature 'image' has {len(content)} bytes, expected {num_bytes}"
        f' for {image_shape} (dataset.json). {_MEND}'
      )
  return np.frombuffer(b''.join(contents), np.uint8).reshape(-1, *image_shape)


def _check_labels(labels: np.ndarray, path: pathlib.Path, num_classes: int) -> None:
  outside = labels[(labels < 0) | (labels >= num_classes)]
  if outside.size:
    raise errors.ArtifactError(
      f"{path}: feature 'label' is {outside[0]}, expected 0 to {num_classes - 1}. {_MEND}"
    )


def _unexpected(
  records: tf.Tensor, path: pathlib.Path, features: Mapping[str, Any]
) -> errors.ArtifactError:
  """Says which feature of the first record that doesn't parse is not as expected."""
  kinds = {tf.string: 'bytes_list', tf.int64: 'int64_list'}
  want = ', '.join(f'{name}: one {kinds[f.dtype]}' for name, f in features.items())
  for record in records.numpy():
    got = _describe(record)
    if any(f'{name}: one {kinds[f.dtype]}' not in got for name, f in features.items()):
      text = ', '.join(got) or 'no features'
      return errors.ArtifactError(f'{path}: a record has {text}; expected {want}. {_MEND}')
  return errors.ArtifactError(f'{path}: a record could not be parsed; expected {want}. {_MEND}')


def _describe(record: bytes) -> list[str]:
  try:
    features = tf.train.Example.FromString(record).features.feature
  except Exception:  # protobuf's DecodeError has no public home that all versions share
    return ['no tf.train.Example']
  described = []
  for name, feature in sorted(features.items()):
    kind = feature.WhichOneof('kind')
    count = len(getattr(feature, kind).value) if kind else 0
    described.append(f'{name}: {"one" if count == 1 else count} {kind}')
  return described
