"""One TFRecord file of an ingested data set: its images and labels, or what is wrong with it.

N images, H height, W width, C channels.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline import errors

MEND = 'Ingest it again with --stages=ingest.'
_RECORDS_PER_PARSE = 1024
_READ_BYTES = 1 << 20


def load(
  path: pathlib.Path, num_images: int, image_shape: tuple[int, int, int], num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  """Reads a shard into memory.

  Args:
    path: of the file.
    num_images: N that it must hold.
    image_shape: (H, W, C) of each.
    num_classes: that labels lie below; 0 without classes.

  Returns:
    images [N, H, W, C] uint8, and labels [N] int64: zeros without classes.

  Raises:
    ArtifactError: it is missing or corrupt, or its records are not as described.
  """
  images, labels = [np.empty((0, *image_shape), np.uint8)], [np.empty(0, np.int64)]
  try:
    for records in tf.data.TFRecordDataset(str(path), buffer_size=_READ_BYTES).batch(
      _RECORDS_PER_PARSE
    ):
      batch_images, batch_labels = _parse(records, path, image_shape, num_classes)
      images.append(batch_images)
      labels.append(batch_labels)
  except tf.errors.NotFoundError as error:
    raise errors.ArtifactError(f'{path} is missing. {MEND}') from error
  except tf.errors.OpError as error:
    reason = ' '.join(str(error.message).split())
    raise errors.ArtifactError(f'{path} is corrupt ({reason}). {MEND}') from error
  found = sum(map(len, images))
  if found != num_images:
    raise errors.ArtifactError(
      f'{path} holds {found} images, expected {num_images} (dataset.json). {MEND}'
    )
  return np.concatenate(images), np.concatenate(labels)


def _parse(
  records: tf.Tensor, path: pathlib.Path, image_shape: tuple[int, int, int], num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  features: dict[str, Any] = {'image': tf.io.FixedLenFeature([], tf.string)}
  if num_classes:
    features['label'] = tf.io.FixedLenFeature([], tf.int64)
  try:
    parsed = tf.io.parse_example(records, features)
  # TensorFlow quotes the record in its message; one that is not UTF-8 breaks the message itself.
  except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
    raise _unexpected(records, path, features) from error
  labels = np.zeros(len(records), np.int64)
  if num_classes:
    labels = parsed['label'].numpy()
    _check_labels(labels, path, num_classes)
  return _pixels(parsed['image'].numpy(), path, image_shape), labels


def _pixels(
  contents: np.ndarray, path: pathlib.Path, image_shape: tuple[int, int, int]
) -> np.ndarray:
  num_bytes = int(np.prod(image_shape))
  for content in contents:
    if len(content) != num_bytes:
      raise errors.ArtifactError(
        f"{path}: feature 'image' has {len(content)} bytes, expected {num_bytes}"
        f' for {image_shape} (dataset.json). {MEND}'
      )
  return np.frombuffer(b''.join(contents), np.uint8).reshape(-1, *image_shape)


def _check_labels(labels: np.ndarray, path: pathlib.Path, num_classes: int) -> None:
  outside = labels[(labels < 0) | (labels >= num_classes)]
  if outside.size:
    raise errors.ArtifactError(
      f"{path}: feature 'label' is {outside[0]}, expected 0 to {num_classes - 1}. {MEND}"
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
      return errors.ArtifactError(f'{path}: a record has {text}; expected {want}. {MEND}')
  return errors.ArtifactError(f'{path}: a record could not be parsed; expected {want}. {MEND}')


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
