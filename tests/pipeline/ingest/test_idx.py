import gzip
import pickle

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import idx
from tests.pipeline.ingest.files import encode_idx, random_images, write_pair

_IMAGES = random_images(12)
_LABELS = np.arange(12) % 3


def _config(folder):
  return IngestConfig(dataset='idx', data_dir=str(folder), image_size=8)


@pytest.mark.parametrize('compress', [False, True])
def test_describes_both_splits(tmp_path, compress):
  write_pair(tmp_path, _IMAGES, _LABELS, compress=compress)
  write_pair(tmp_path, _IMAGES[:5], _LABELS[:5], stem='t10k', compress=compress)
  source = idx.open_source(_config(tmp_path))
  assert source.class_names == ('0', '1', '2')
  assert {s: [b.num_records for b in blocks] for s, blocks in source.splits.items()} == {
    'train': [12],
    'test': [5],
  }
  block = pickle.loads(pickle.dumps(source.splits['test'][0]))
  decoded = block.decode(8, 1)
  np.testing.assert_array_equal(decoded.images[..., 0], _IMAGES[:5])
  np.testing.assert_array_equal(decoded.labels, _LABELS[:5])
  assert decoded.keys[3] == 't10k-images-idx3-ubyte[3]'  # the same, compressed or not


def test_blocks_cover_every_record_once(tmp_path):
  write_pair(tmp_path, random_images(1203, 1), np.zeros(1203))
  blocks = idx.open_source(_config(tmp_path)).splits['train']
  assert [(b.start, b.stop) for b in blocks] == [(0, 500), (500, 1000), (1000, 1203)]


def test_digest_follows_the_content(tmp_path):
  write_pair(tmp_path, _IMAGES, _LABELS)
  before = idx.source_digest(_config(tmp_path))
  assert idx.open_source(_config(tmp_path)).fingerprint == before
  write_pair(tmp_path, _IMAGES, _LABELS[::-1])
  assert idx.source_digest(_config(tmp_path)) != before


def test_a_file_that_changes_is_read_again(tmp_path):
  write_pair(tmp_path, _IMAGES, _LABELS)
  idx.open_source(_config(tmp_path))
  write_pair(tmp_path, _IMAGES[:6], _LABELS[:6])
  (block,) = idx.open_source(_config(tmp_path)).splits['train']
  assert len(block.decode(8, 1).images) == 6


def _break(folder, name, data):
  (folder / name).write_bytes(data)


@pytest.mark.parametrize(
  ('break_it', 'message'),
  [
    (lambda f: (f / 'train-images-idx3-ubyte').unlink(), 'has no train-images-idx3-ubyte, nor'),
    (lambda f: (f / 'train-labels-idx1-ubyte').unlink(), 'has no train-labels-idx1-ubyte, nor'),
    (lambda f: _break(f, 't10k-images-idx3-ubyte', b'x'), 'has no t10k-labels-idx1-ubyte'),
    (lambda f: _break(f, 'train-images-idx3-ubyte', b''), 'train-images-idx3-ubyte is empty'),
    (
      lambda f: _break(f, 'train-images-idx3-ubyte', encode_idx(_IMAGES)[:-7]),
      'promises 768 bytes .* holds 761',
    ),
    (
      lambda f: _break(f, 'train-images-idx3-ubyte', gzip.compress(encode_idx(_IMAGES))[:-20]),
      'broken gzip',
    ),
    (lambda f: _break(f, 'train-images-idx3-ubyte', encode_idx(_LABELS)), 'magic number'),
    (lambda f: write_pair(f, _IMAGES[:0], _LABELS[:0]), 'holds no images'),
    (lambda f: write_pair(f, _IMAGES[:, :0], _LABELS), 'holds no images'),
    (lambda f: write_pair(f, _IMAGES, _LABELS[:-1]), '12 images and train-labels-.* 11 labels'),
    (
      lambda f: write_pair(f, _IMAGES, np.r_[_LABELS[:-1], 200]),
      'label 200 of record 11 is outside the classes 0 to 2',
    ),
    (
      lambda f: write_pair(f, _IMAGES[:4], np.array([0, 1, 2, 3]), stem='t10k'),
      't10k-labels-idx1-ubyte: label 3 of record 3 is outside the classes 0 to 2',
    ),
    (lambda f: write_pair(f, _IMAGES, _LABELS + 1), 'none has label 0'),
  ],
)
def test_bad_input_is_one_clear_line(tmp_path, break_it, message):
  write_pair(tmp_path, _IMAGES, _LABELS)
  break_it(tmp_path)
  with pytest.raises(errors.DataError, match=message) as caught:
    idx.open_source(_config(tmp_path))
  assert '\n' not in str(caught.value)
  assert str(tmp_path) in str(caught.value)
  assert caught.value.exit_code == 3


def test_missing_folder(tmp_path):
  for call in (idx.open_source, idx.source_digest):
    with pytest.raises(errors.DataError, match='none is not a folder'):
      call(_config(tmp_path / 'none'))
