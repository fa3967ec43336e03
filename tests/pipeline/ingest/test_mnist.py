import gzip
import hashlib

import numpy as np
import pytest

from pipeline import config, errors
from pipeline.ingest import mnist
from tests.pipeline.ingest.files import encode_idx, random_images, write_pair
from tests.pipeline.ingest.mirror import mirror

_UNREACHABLE = 'http://127.0.0.1:1'  # nobody listens on port 1


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
  monkeypatch.setenv('no_proxy', '127.0.0.1')


def test_pins_the_published_sizes():
  sizes = {name: num_bytes for name, (num_bytes, _) in mnist.CONTENT.items()}
  assert sizes == {
    'train-images-idx3-ubyte.gz': 16 + 60_000 * 28 * 28,
    'train-labels-idx1-ubyte.gz': 8 + 60_000,
    't10k-images-idx3-ubyte.gz': 16 + 10_000 * 28 * 28,
    't10k-labels-idx1-ubyte.gz': 8 + 10_000,
  }
  assert all(mirror.startswith('https://') for mirror in mnist.MIRRORS)


def test_local_files_need_no_network(tmp_path, monkeypatch):
  monkeypatch.setattr(mnist, 'MIRRORS', (_UNREACHABLE,))
  write_pair(tmp_path, random_images(3), np.array([7, 7, 9]), compress=True)
  local = config.IngestConfig(dataset='mnist', data_dir=str(tmp_path))
  source = mnist.open_source(local)
  assert source.class_names == tuple('0123456789')  # ten classes, whichever labels occur
  assert source.fingerprint == mnist.source_digest(local)


def test_label_outside_the_ten_classes(tmp_path):
  write_pair(tmp_path, random_images(2), np.array([0, 10]))
  with pytest.raises(errors.DataError, match='label 10 of record 1 is outside the classes 0 to 9'):
    mnist.open_source(config.IngestConfig(dataset='mnist', data_dir=str(tmp_path)))


def test_no_network_names_the_offline_choices(tmp_path, monkeypatch):
  monkeypatch.setattr(mnist, 'MIRRORS', (_UNREACHABLE, _UNREACHABLE))
  asked = config.IngestConfig(dataset='mnist', cache_dir=str(tmp_path / 'cache'))
  with pytest.raises(errors.DataError) as caught:
    mnist.open_source(asked)
  text = str(caught.value)
  for part in ('Connection refused', '--dataset=mnist_sample', '--data_dir', _UNREACHABLE):
    assert part in text
  assert '\n' not in text
  assert len(mnist.source_digest(asked)) == 64  # planning needs no network


def test_downloads_into_the_cache(tmp_path, monkeypatch):
  bodies = {
    'train-images-idx3-ubyte.gz': encode_idx(random_images(4)),
    'train-labels-idx1-ubyte.gz': encode_idx(np.arange(4)),
  }
  content = {n: (len(b), hashlib.sha256(b).hexdigest()) for n, b in bodies.items()}
  monkeypatch.setattr(mnist, 'CONTENT', content)
  asked = config.IngestConfig(dataset='mnist', cache_dir=str(tmp_path))
  with mirror() as (server, url):
    monkeypatch.setattr(mnist, 'MIRRORS', (url,))
    server.answers = {f'/{n}': gzip.compress(b) for n, b in bodies.items()}
    source = mnist.open_source(asked)
  assert sorted(server.requests) == sorted(server.answers)
  assert [block.num_records for block in source.splits['train']] == [4]
  assert mnist.open_source(asked).fingerprint == source.fingerprint  # the server is gone
