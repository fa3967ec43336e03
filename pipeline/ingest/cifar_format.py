"""The two file formats of CIFAR.

Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Dataset layout". An image is 3 planes (red,
green, blue) of 32 x 32 bytes, row by row.
"""

from typing import Any

import numpy as np

from pipeline import errors
from pipeline.ingest import safe_pickle

_SIZE = 32
_PIXEL_BYTES = 3 * _SIZE * _SIZE


def parse_binary(data: bytes, num_labels: int, where: str) -> tuple[np.ndarray, np.ndarray]:
  """Parses a file of the "binary version".

  Args:
    data: the file.
    num_labels: label bytes before each image; the last one is its class.
    where: what to call the file in an error.

  Returns:
    images [N, 32, 32, 3] uint8, and labels [N] int64.

  Raises:
    DataError: an empty file, or one that ends inside a record.
  """
  record_bytes = num_labels + _PIXEL_BYTES
  if not data or len(data) % record_bytes:
    raise errors.DataError(
      f'{where} has {len(data)} bytes, no multiple of the {record_bytes} of a record.'
      ' Replace it by the whole published file.'
    )
  rows = np.frombuffer(data, np.uint8).reshape(-1, record_bytes)
  return _images(rows[:, num_labels:]), rows[:, num_labels - 1].astype(np.int64)


def parse_pickle(data: bytes, labels_key: str, where: str) -> tuple[np.ndarray, np.ndarray]:
  """Parses a file of the "python version" without running what it holds.

  Args:
    data: the file.
    labels_key: entry of the classes: labels or fine_labels.
    where: what to call the file in an error.

  Returns:
    images [N, 32, 32, 3] uint8, and labels [N] int64.

  Raises:
    DataError: a pickle of anything but such a batch.
  """
  try:
    batch = safe_pickle.loads(data)
  except safe_pickle.RefusedError as error:
    raise _malformed(where, f'is refused: {error}') from error
  if not isinstance(batch, dict):
    raise _malformed(where, f'holds a {type(batch).__name__}, not a dict')
  pixels, labels = _entry(batch, 'data', where), _entry(batch, labels_key, where)
  if isinstance(labels, safe_pickle.UInt8Array):
    labels = labels.value.tolist()
  if not isinstance(pixels, safe_pickle.UInt8Array) or pixels.value.shape[1:] != (_PIXEL_BYTES,):
    raise _malformed(where, f'has no uint8 array [N, {_PIXEL_BYTES}] under data')
  if not isinstance(labels, list) or not all(type(k) is int and 0 <= k < 256 for k in labels):
    raise _malformed(where, f'has no list of classes under {labels_key}')
  if not labels or len(labels) != len(pixels.value):
    raise _malformed(where, f'holds {len(pixels.value)} images and {len(labels)} labels')
  return _images(pixels.value), np.array(labels, np.int64)


def _entry(batch: dict[Any, Any], key: str, where: str) -> Any:
  for name in (key, key.encode()):
    if name in batch:
      return batch[name]
  raise _malformed(where, f'has no entry {key}')


def _images(rows: np.ndarray) -> np.ndarray:
  planes = rows.reshape(-1, 3, _SIZE, _SIZE)
  return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _malformed(where: str, problem: str) -> errors.DataError:
  return errors.DataError(f'{where} {problem}. Replace it by the published file.')
