"""Source `tfrecord`: TFRecord files of tf.train.Example, those that this stage writes among them.

N records of a file, H height, W width, C channels (1 or 3).
"""

import contextlib
import dataclasses
import json
import math
import pathlib
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline import errors
from pipeline.config.ingest import ANOMALOUS, IngestConfig
from pipeline.ingest import labels as labels_lib
from pipeline.ingest import pixels, tfrecord
from pipeline.ingest.example import ExampleError, decode_example
from pipeline.ingest.source import (
  MAX_KEPT_BYTES,
  BadRecord,
  Block,
  Decoded,
  Source,
  sha256_of_files,
  unreadable,
)

_SUFFIX = re.compile(r'\.(tfrecords?|tfrec)(-\d+-of-\d+)?$')
_TEST = re.compile(r'(^|[-_.])(test|val)')
_IMAGES = ('image/encoded', 'image')
_LABELS = ('label', 'image/class/label')
_SIDES = (('height', 'image/height'), ('width', 'image/width'), ('channels', 'image/channels'))
_MAGICS = (b'\x89PNG', b'\xff\xd8')  # with which PNG and JPEG begin
_RECORDS_PER_BLOCK = 256
_DESCRIPTION = 'dataset.json'  # beside the shards that this stage writes
_Features = dict[str, list[bytes] | list[int]]


class _BadRecordError(Exception):
  """Why a record goes to quarantine."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordRange(Block):
  """Some records of a file, from the one whose frame begins at `offset`."""

  file: str
  offset: int
  start: int
  stop: int
  is_labelled: bool
  image_shape: tuple[int, int, int] | None  # H, W, C of raw images that don't say it themselves

  @property
  def num_records(self) -> int:
    """Records in the block."""
    return self.stop - self.start

  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Reads the records; damaged ones come back in `bad`."""
    path = pathlib.Path(self.file)
    images, labels, keys, bad = [], [], [], []
    for i, record in enumerate(_records(path, self.offset, self.num_records), self.start):
      key = f'{path.name}[{i}]'
      try:
        features = _features(record)
        label = _label(features, self.is_labelled)
        images.append(_image(features, self.image_shape, image_size, num_channels))
        labels.append(label)
        keys.append(key)
      except (_BadRecordError, ExampleError, pixels.DecodeError) as error:
        kept = record.content if len(record.content) <= MAX_KEPT_BYTES else b''
        bad.append(BadRecord(key=key, reason=str(error), source='tfrecord', payload=kept))
    shape = (len(images), image_size, image_size, num_channels)
    return Decoded(
      images=np.array(images, np.uint8).reshape(shape),
      labels=np.array(labels, np.int64) if self.is_labelled else None,
      keys=tuple(keys),
      bad=tuple(bad),
    )


def open_source(config: IngestConfig) -> Source:
  """Describes the TFRecord files of the folder `config.data_dir`.

  Files are called *.tfrecord, *.tfrecords or *.tfrec, perhaps with -00000-of-00001 after it. One
  whose name begins with test or val, or holds it after - _ or ., belongs to the test split, unless
  it begins with train. One whose name begins with anomalous, as this stage writes them, stays a
  split of its own, unless `normal_classes` makes that split. All others are the training split.

  Examples hold `image/encoded` or `image`: a PNG or JPEG, or H x W x C raw bytes, with H, W and C
  in the features height, width and channels (also image/height and so on) or, for the shards that
  this stage writes, in their dataset.json. The class is `label` or `image/class/label`; it may be
  missing in all. The training labels 0, 1, 2, … are the classes, or those of dataset.json.

  Raises:
    DataError: no such files; files whose records can't be told apart; labels outside the classes,
      or that are no integers.
  """
  root = _root(config)
  splits = _find(root, config)
  fingerprint = source_digest(config)
  description = _describe(root)
  read = {split: [_scan(path) for path in paths] for split, paths in splits.items()}
  for split, files in read.items():
    if not any(file.num_records for file in files):  # some may be empty: a shard that got no record
      raise errors.DataError(
        f'{root} (--data_dir): {files[0].path.name}, of the {split} split, holds no records.'
        ' Remove it, or give a file with some.'
      )
  labels = {split: np.concatenate([f.labels for f in files]) for split, files in read.items()}
  is_labelled = bool(labels['train'].size)
  odd = [file.odd_label for file in read['train'] if file.odd_label]
  if odd and not is_labelled:  # to go on without classes would be another data set than was meant
    raise errors.DataError(
      f'{root} (--data_dir): the label of {odd[0]} is no integer. Store labels as int64_list,'
      ' or leave the feature out.'
    )
  class_names = description.class_names if description else ()
  class_names = (class_names or labels_lib.names(labels['train'])) if is_labelled else ()
  if is_labelled:
    for split, values in labels.items():
      labels_lib.check(values, len(class_names), f'{root} (--data_dir), {split} split')
  shape = description.image_shape if description else None
  return Source(
    name='tfrecord',
    class_names=class_names,
    splits={
      split: tuple(block for file in files for block in _blocks(file, is_labelled, shape))
      for split, files in read.items()
    },
    fingerprint=fingerprint,
  )


def source_digest(config: IngestConfig) -> str:
  """SHA-256 of the names and contents of the files."""
  root = _root(config)
  names = [path.name for paths in _find(root, config).values() for path in paths]
  return sha256_of_files(root, sorted(names) + [_DESCRIPTION] * (root / _DESCRIPTION).is_file())


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Description:
  """What dataset.json says of the shards beside it."""

  image_shape: tuple[int, int, int]
  class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _File:
  path: pathlib.Path
  offsets: tuple[int, ...]  # of every _RECORDS_PER_BLOCK-th record
  num_records: int
  labels: np.ndarray  # int64, of the records that have one
  odd_label: str  # the first record whose label is no integer; '' if there is none


def _root(config: IngestConfig) -> pathlib.Path:
  root = config.data_path
  if not root.is_dir():
    raise errors.DataError(f'--data_dir={root} is not a folder. Name the folder of TFRecord files.')
  return root


def _find(root: pathlib.Path, config: IngestConfig) -> dict[str, list[pathlib.Path]]:
  """The files by split. Where `normal_classes` says what is anomalous, no name does."""
  splits: dict[str, list[pathlib.Path]] = {'train': [], 'test': [], ANOMALOUS: []}
  for path in sorted(root.iterdir()):
    name = path.name.lower()
    if not name.startswith('.') and _SUFFIX.search(name) and path.is_file():
      is_anomalous = name.startswith(ANOMALOUS) and not config.normal_classes
      splits[ANOMALOUS if is_anomalous else _split_of(name)].append(path)
  if not splits['train']:
    held = f', only {splits["test"][0].name} of the test split' if splits['test'] else ''
    raise errors.DataError(
      f'{root} (--data_dir) holds no TFRecord files to train on{held}.'
      ' Put .tfrecord files there, with names that begin with train.'
    )
  return {split: paths for split, paths in splits.items() if paths}


def _split_of(name: str) -> str:
  return 'test' if _TEST.search(name) and not name.startswith('train') else 'train'


def _describe(root: pathlib.Path) -> _Description | None:
  """What dataset.json says, if there is one of this stage's; its shards must all be there."""
  path = root / _DESCRIPTION
  if not path.is_file():
    return None
  try:
    values = json.loads(path.read_text(encoding='utf-8'))
    shards = [shard['file'] for split in values['splits'].values() for shard in split['shards']]
    height, width, channels = map(int, values['image_shape'])
    description = _Description(
      image_shape=(height, width, channels),
      class_names=tuple(  # composed, as `normal_class_names` are
        unicodedata.normalize('NFC', str(name)) for name in values['class_names']
      ),
    )
    missing = [name for name in shards if not (root / name).is_file()]
  except Exception as error:  # it may be anybody's: nested without end, or of infinite sides
    raise errors.DataError(
      f'{path} does not describe the shards beside it ({type(error).__name__}: {error}).'
      ' Take it from the run that wrote them, or remove it.'
    ) from error
  if missing:
    raise errors.DataError(
      f'{root} (--data_dir) has no {missing[0]}, which {path.name} lists. Add it.'
    )
  return description


def _scan(path: pathlib.Path) -> _File:
  """Goes through a file once: where its records are, and the labels of those that are whole."""
  offsets, labels, num_records, odd_label = [], [], 0, ''
  for record in _records(path, 0, None):
    if num_records % _RECORDS_PER_BLOCK == 0:
      offsets.append(record.offset)
    num_records += 1
    with contextlib.suppress(_BadRecordError, ExampleError):  # quarantined when it is decoded
      features = _features(record)
      label = _values(features, _LABELS, int)[:1]
      labels += label
      if not label and not odd_label and any(name in features for name in _LABELS):
        odd_label = f'{path.name}[{num_records - 1}]'
  return _File(
    path=path,
    offsets=tuple(offsets),
    num_records=num_records,
    labels=np.array(labels, np.int64),
    odd_label=odd_label,
  )


def _blocks(
  file: _File, is_labelled: bool, image_shape: tuple[int, int, int] | None
) -> Iterator[RecordRange]:
  for i, offset in enumerate(file.offsets):
    start = i * _RECORDS_PER_BLOCK
    yield RecordRange(
      file=str(file.path),
      offset=offset,
      start=start,
      stop=min(start + _RECORDS_PER_BLOCK, file.num_records),
      is_labelled=is_labelled,
      image_shape=image_shape,
    )


def _records(path: pathlib.Path, offset: int, num_records: int | None) -> Iterator[tfrecord.Record]:
  try:
    yield from tfrecord.read_tfrecord(path, offset, num_records)
  except OSError as error:
    raise unreadable(path, error) from error
  except tfrecord.FramingError as error:
    raise errors.DataError(
      f'{path} {error}: truncated, compressed or no TFRecord file.'
      ' Replace it by a whole one without compression.'
    ) from error


def _features(record: tfrecord.Record) -> _Features:
  if not record.is_whole:
    raise _BadRecordError('its checksum does not fit')
  return decode_example(record.content)


def _values(features: _Features, names: tuple[str, ...], kind: type) -> list[Any]:
  """The values of the first of these features that is there and of that kind."""
  for name in names:
    values = features.get(name, [])
    if values and isinstance(values[0], kind):
      return values
  return []


def _label(features: _Features, is_labelled: bool) -> int:
  if not is_labelled:
    return 0
  labels = _values(features, _LABELS, int)
  if len(labels) != 1:
    raise _BadRecordError(f'has {len(labels)} labels, not one')
  return labels[0]


def _image(
  features: _Features,
  image_shape: tuple[int, int, int] | None,
  image_size: int,
  num_channels: int,
) -> np.ndarray:
  """[S, S, C] uint8 of the features of a record."""
  contents = _values(features, _IMAGES, bytes)
  if not contents:
    held = errors.one_line(', '.join(sorted(features))[:100]) or 'no features'
    raise _BadRecordError(f'has no bytes in {" or ".join(_IMAGES)}, only {held}')
  if len(contents) != 1:
    raise _BadRecordError(f'has {len(contents)} images, not one')
  (data,) = contents
  sides = [_values(features, names, int)[:1] for names in _SIDES]
  shape = tuple(side[0] for side in sides if side) if all(sides) else image_shape
  is_raw = shape is not None and len(data) == math.prod(shape)
  if data.startswith(_MAGICS):
    try:
      return pixels.decode_image(data, image_size, num_channels)
    except pixels.DecodeError:
      if not is_raw:  # a raw one may begin in the same way; a picture may have as many bytes
        raise
  if shape is None or not is_raw:
    raise _BadRecordError(
      f'image of {len(data)} bytes: no PNG or JPEG, nor raw of '
      + (f'shape {shape}' if shape else 'a shape that height, width and channels give')
    )
  if shape[2] not in (1, 3) or min(shape) < 1:
    raise _BadRecordError(f'raw image of shape {shape}, not of 1 or 3 channels')
  raw = np.frombuffer(data, np.uint8).reshape(1, *shape)
  return pixels.fit_arrays(raw, image_size, num_channels)[0]
