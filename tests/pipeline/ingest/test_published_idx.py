"""The datasets published as the four files of MNIST, each in the same ways."""

import dataclasses
import gzip
import hashlib

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import fashion_mnist, kmnist, mnist
from pipeline.ingest.download import Pin
from tests.pipeline.ingest.files import encode_idx, random_images, write_pair
from tests.pipeline.ingest.mirror import mirror

_UNREACHABLE = 'http://127.0.0.1:1'  # nobody listens on port 1
_NAMES = {
  mnist: tuple('0123456789'),
  fashion_mnist: (
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ),
  kmnist: ('o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo'),
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
  monkeypatch.setenv('no_proxy', '127.0.0.1')


@pytest.fixture(params=_NAMES, ids=lambda module: module.PUBLISHED.name)
def module(request, monkeypatch):
  """A source whose mirrors no one can reach."""
  module = request.param
  _republish(monkeypatch, module, mirrors=(_UNREACHABLE, _UNREACHABLE))
  return module


def _republish(monkeypatch, module, **changes):
  monkeypatch.setattr(module, 'PUBLISHED', dataclasses.replace(module.PUBLISHED, **changes))


def _config(module, **settings):
  return IngestConfig(dataset=module.PUBLISHED.name, **settings)


def test_pins_four_files(module):
  files = module.PUBLISHED.files
  assert sorted(files) == [
    't10k-images-idx3-ubyte.gz',
    't10k-labels-idx1-ubyte.gz',
    'train-images-idx3-ubyte.gz',
    'train-labels-idx1-ubyte.gz',
  ]
  assert all(len(bytes.fromhex(pin.sha256)) == 32 for pin in files.values())
  assert len({pin.sha256 for pin in files.values()}) == 4


def test_local_files_need_no_network(tmp_path, module):
  images = random_images(3)
  write_pair(tmp_path, images, np.array([7, 7, 9]), compress=True)
  local = _config(module, data_dir=str(tmp_path))
  source = module.open_source(local)
  assert source.name == module.PUBLISHED.name
  assert source.class_names == _NAMES[module]  # ten classes, whichever labels occur
  assert source.fingerprint == module.source_digest(local)
  (block,) = source.splits['train']
  decoded = block.decode(8, 1)
  np.testing.assert_array_equal(decoded.images[..., 0], images)
  assert decoded.labels.tolist() == [7, 7, 9]
  write_pair(tmp_path, images, np.array([7, 7, 8]), compress=True)
  assert module.source_digest(local) != source.fingerprint


def test_label_outside_the_ten_classes(tmp_path, module):
  write_pair(tmp_path, random_images(2), np.array([0, 10]))
  with pytest.raises(errors.DataError, match='label 10 of record 1 is outside the classes 0 to 9'):
    module.open_source(_config(module, data_dir=str(tmp_path)))


def test_no_network_names_the_offline_choices(tmp_path, module):
  asked = _config(module, cache_dir=str(tmp_path / 'cache'))
  with pytest.raises(errors.DataError) as caught:
    module.open_source(asked)
  text = str(caught.value)
  name = module.PUBLISHED.name
  for part in (
    f'--dataset={name}: ',
    'Connection refused',
    '--dataset=mnist_sample',
    '--data_dir',
    _UNREACHABLE,
    module.PUBLISHED.title,
  ):
    assert part in text
  assert '\n' not in text
  assert len(module.source_digest(asked)) == 64  # planning needs no network


def test_downloads_into_the_cache(tmp_path, module, monkeypatch):
  contents = {
    'train-images-idx3-ubyte.gz': encode_idx(random_images(4)),
    'train-labels-idx1-ubyte.gz': encode_idx(np.arange(4)),
  }
  bodies = {name: gzip.compress(content) for name, content in contents.items()}
  unpacked = module is mnist
  pinned = contents if unpacked else bodies
  files = {
    name: Pin(num_bytes=len(b), sha256=hashlib.sha256(b).hexdigest(), unpacked=unpacked)
    for name, b in pinned.items()
  }
  asked = _config(module, cache_dir=str(tmp_path))
  (tmp_path / module.PUBLISHED.name).mkdir()
  write_pair(tmp_path / module.PUBLISHED.name, random_images(5), np.arange(5))  # not verified
  with mirror() as (server, url):
    _republish(monkeypatch, module, mirrors=(url,), files=files)
    server.answers = {f'/{name}': body for name, body in bodies.items()}
    source = module.open_source(asked)
  assert sorted(server.requests) == sorted(server.answers)
  assert [block.num_records for block in source.splits['train']] == [4]
  assert module.open_source(asked).fingerprint == source.fingerprint  # the server is gone


def test_three_datasets_do_not_share_a_digest_or_a_cache(tmp_path):
  digests = {module.source_digest(_config(module)) for module in _NAMES}
  assert len(digests) == len({module.PUBLISHED.name for module in _NAMES}) == 3
