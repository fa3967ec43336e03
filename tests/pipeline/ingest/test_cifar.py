"""Both CIFAR datasets, in every layout in which they are published."""

import dataclasses
import hashlib
import io
import os
import pathlib
import pickle
import tarfile

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import cifar, cifar10, cifar100
from pipeline.ingest.download import Pin
from tests.pipeline.ingest.mirror import mirror

_RNG = np.random.default_rng(0)
_IMAGES = _RNG.integers(0, 256, (13, 32, 32, 3), np.uint8)
_UNREACHABLE = 'http://127.0.0.1:1'  # nobody listens on port 1
_DATASETS = {'cifar10': (cifar10, 'CIFAR10'), 'cifar100': (cifar100, 'CIFAR100')}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
  """No network, and nothing in memory from another test."""
  monkeypatch.setenv('no_proxy', '127.0.0.1')
  for name in _DATASETS:
    _republish(monkeypatch, name, mirrors=(_UNREACHABLE,))
  cifar.release_memory()


def _republish(monkeypatch, name, **changes):
  module, constant = _DATASETS[name]
  monkeypatch.setattr(module, constant, dataclasses.replace(_spec(name), **changes))


def _spec(name):
  module, constant = _DATASETS[name]
  return getattr(module, constant)


def _config(name, **settings):
  return IngestConfig(dataset=name, image_size=32, num_channels=3, **settings)


def _open(name, folder):
  return _DATASETS[name][0].open_source(_config(name, data_dir=str(folder)))


def _digest(name, folder):
  return _DATASETS[name][0].source_digest(_config(name, data_dir=str(folder)))


def _planes(images):
  return images.transpose(0, 3, 1, 2).reshape(-1, 3 * 32 * 32)


def _binary(name, images, labels):
  columns = [labels] if name == 'cifar10' else [labels // 5 % 20, labels]
  rows = np.concatenate([np.array(columns).T, _planes(images)], axis=1)
  return rows.astype(np.uint8).tobytes()


def _python(name, images, labels, protocol=2, **more):
  key = 'labels' if name == 'cifar10' else 'fine_labels'
  batch = {'batch_label': b'batch', key: labels.tolist(), 'data': _planes(images), 'filenames': []}
  return pickle.dumps(batch | more, protocol)


def _files(name, is_pickle=False, labels=None):
  """The contents of the published files by name, one image in each batch, the rest in the last."""
  layout = _layout(name, is_pickle)
  labels = np.arange(13) % 10 if labels is None else labels
  names = (*layout.train, *layout.test)
  cuts = np.r_[np.arange(len(names) - 1), 10, 13]  # three in the test split
  write = _python if is_pickle else _binary
  return {
    file: write(name, _IMAGES[a:b], labels[a:b])
    for file, a, b in zip(names, cuts, cuts[1:], strict=False)
  }


def _layout(name, is_pickle):
  (layout,) = (lay for lay in _spec(name).layouts if lay.is_pickle == is_pickle)
  return layout


def _write(folder, files):
  folder.mkdir(parents=True, exist_ok=True)
  for name, data in files.items():
    (folder / name).write_bytes(data)


def _pack(layout, files):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode='w:gz') as tar:
    for name, data in files.items():
      info = tarfile.TarInfo(f'{layout.folder}/{name}')
      info.size = len(data)
      tar.addfile(info, io.BytesIO(data))
  return buffer.getvalue()


def _check_content(source):
  counts = {s: sum(b.num_records for b in blocks) for s, blocks in source.splits.items()}
  assert sum(counts.values()) == 13
  blocks = pickle.loads(pickle.dumps([b for blocks in source.splits.values() for b in blocks]))
  decoded = [block.decode(32, 3) for block in blocks]
  np.testing.assert_array_equal(np.concatenate([d.images for d in decoded]), _IMAGES)
  np.testing.assert_array_equal(np.concatenate([d.labels for d in decoded]), np.arange(13) % 10)
  assert len({key for d in decoded for key in d.keys}) == 13


@pytest.fixture(params=_DATASETS)
def name(request):
  return request.param


def test_knows_the_published_names(name):
  spec = _spec(name)
  assert len(set(spec.class_names)) == len(spec.class_names) == int(name.removeprefix('cifar'))
  assert spec.class_names[:2] in (('airplane', 'automobile'), ('apple', 'aquarium_fish'))
  assert [lay.archive for lay in spec.layouts] == [
    f'cifar-{len(spec.class_names)}-{kind}.tar.gz' for kind in ('binary', 'python')
  ]
  assert len(bytes.fromhex(spec.pin.sha256)) == 32


@pytest.mark.parametrize('is_pickle', [False, True])
@pytest.mark.parametrize('place', ['here', 'subfolder', 'archive'])
def test_every_layout_gives_the_same_images(tmp_path, name, is_pickle, place):
  layout, files = _layout(name, is_pickle), _files(name, is_pickle)
  if place == 'archive':
    (tmp_path / layout.archive).write_bytes(_pack(layout, files))
  else:
    _write(tmp_path / (layout.folder if place == 'subfolder' else ''), files)
  source = _open(name, tmp_path)
  assert (source.name, source.class_names) == (name, _spec(name).class_names)
  assert list(source.splits) == ['train', 'test']
  assert source.fingerprint == _digest(name, tmp_path)
  _check_content(source)
  held = {p.name for p in tmp_path.iterdir()}
  assert len(held) == (1 if place != 'here' else len(files))  # nothing is unpacked beside it


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_any_protocol(tmp_path, protocol):
  labels = np.arange(13) % 10
  train = _python('cifar100', _IMAGES[:10], labels[:10], protocol)
  _write(tmp_path, {'train': train, 'test': _python('cifar100', _IMAGES[10:], labels[10:])})
  _check_content(_open('cifar100', tmp_path))


def test_other_sizes_and_grey(tmp_path, name):
  _write(tmp_path, _files(name))
  block = _open(name, tmp_path).splits['train'][0]
  assert block.decode(64, 3).images.shape == (block.num_records, 64, 64, 3)
  grey = block.decode(32, 1).images[..., 0]
  assert np.abs(grey - _IMAGES[: len(grey)] @ [0.299, 0.587, 0.114]).max() <= 1  # ITU-R 601
  stripes = np.tile(np.array([0, 255], np.uint8), (1, 32, 16))[..., None].repeat(3, -1)
  _write(tmp_path, {f: _binary(name, stripes, np.array([0])) for f in _files(name)})
  image = _open(name, tmp_path).splits['train'][0].decode(8, 3).images[0]
  assert np.abs(image[2:-2, 2:-2].astype(int) - 127).max() <= 16  # antialiased


def test_blocks_share_what_is_unpacked(tmp_path, name, monkeypatch):
  layout = _layout(name, False)
  (tmp_path / layout.archive).write_bytes(_pack(layout, _files(name)))
  reads = []
  real = cifar.archive.read_members
  monkeypatch.setattr(cifar.archive, 'read_members', lambda *args: reads.append(1) or real(*args))
  monkeypatch.setattr(cifar, '_RECORDS_PER_BLOCK', 2)
  _check_content(_open(name, tmp_path))
  assert len(reads) == 1


def test_digest_follows_every_file(tmp_path, name):
  _write(tmp_path, _files(name))
  digests = {_digest(name, tmp_path)}
  for path in sorted(tmp_path.iterdir()):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    digests.add(_digest(name, tmp_path))
  assert len(digests) == 1 + len(_files(name))
  assert _open(name, tmp_path).fingerprint in digests


class _Evil:
  def __reduce__(self):
    return os.mkdir, ('evil',)


def _break(name, is_pickle, change):
  """Writes the files, with one of the training split changed."""

  def fill(folder):
    files = _files(name, is_pickle)
    first = next(iter(files))
    files[first] = change(files[first])
    _write(folder, files)

  return fill


def _batch(**changes):
  good = {'data': _planes(_IMAGES[:2]), 'labels': [0, 1]}
  return lambda data: pickle.dumps(good | changes, 2)


@pytest.mark.parametrize(
  ('fill', 'message'),
  [
    (lambda f: None, 'holds no files of cifar10. Put one of these there: cifar-10-batches-bin/'),
    (
      lambda f: _write(f, dict(list(_files('cifar10').items())[:4])),
      'has 4 of the 6 files of cifar10 and no data_batch_5.bin',
    ),
    (_break('cifar10', False, lambda d: b''), 'data_batch_1.bin has 0 bytes'),
    (_break('cifar10', False, lambda d: d[:-1]), 'has 3072 bytes, no multiple of the 3073'),
    (_break('cifar10', False, lambda d: b'\x0a' + d[1:]), 'label 10 of record 0 is outside the cl'),
    (_break('cifar10', True, lambda d: b''), 'data_batch_1 is refused: damaged'),
    (_break('cifar10', True, lambda d: d[:-99]), 'data_batch_1 is refused: damaged'),
    (_break('cifar10', True, lambda d: pickle.dumps([1])), 'holds a list, not a dict'),
    (_break('cifar10', True, lambda d: pickle.dumps({'data': []})), 'has no entry labels'),
    (_break('cifar10', True, _batch(data=[1, 2])), 'has no uint8 array'),
    (_break('cifar10', True, _batch(data=np.zeros((2, 9), np.uint8))), 'has no uint8 array'),
    (_break('cifar10', True, _batch(data=np.zeros((2, 3072)))), "refused: an array of 'f8'"),
    (_break('cifar10', True, _batch(labels=[0])), 'holds 2 images and 1 labels'),
    (_break('cifar10', True, _batch(labels=[0, 'cat'])), 'has no list of classes under labels'),
    (_break('cifar10', True, _batch(labels=[0, 10])), 'label 10 of record 1 is outside'),
    (_break('cifar10', True, _batch(labels=[0, -1])), 'has no list of classes'),
    (_break('cifar10', True, _batch(labels=[], data=_planes(_IMAGES[:0]))), 'holds 0 images and 0'),
    (_break('cifar10', True, _batch(labels=_Evil())), r'data_batch_1 is refused: .*\.mkdir'),
    (_break('cifar10', True, lambda d: pickle.dumps(_Evil())), r'is refused: .*\.mkdir'),
    (
      lambda f: (f / 'cifar-10-binary.tar.gz').write_bytes(b'words'),
      'cifar-10-binary.tar.gz is no whole .tar.gz',
    ),
    (
      lambda f: (f / 'cifar-10-python.tar.gz').write_bytes(
        _pack(_layout('cifar10', True), {'test_batch': b''})
      ),
      'has no cifar-10-batches-py/data_batch_1',
    ),
    (
      lambda f: (f / 'cifar-10-python.tar.gz').write_bytes(
        _pack(
          _layout('cifar10', True),
          _files('cifar10', True) | {'test_batch': pickle.dumps(_Evil())},
        )
      ),
      r'cifar-10-python.tar.gz: test_batch is refused: .*\.mkdir',
    ),
  ],
)
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, fill, message):
  monkeypatch.chdir(tmp_path)
  fill(tmp_path)
  with pytest.raises(errors.DataError, match=message) as caught:
    _open('cifar10', tmp_path)
  assert '\n' not in str(caught.value)
  assert str(tmp_path) in str(caught.value)
  assert caught.value.exit_code == 3
  assert not pathlib.Path('evil').exists()


def test_missing_folder(name, tmp_path):
  for call in (_open, _digest):
    with pytest.raises(errors.DataError, match='none is not a folder'):
      call(name, tmp_path / 'none')


def test_no_network_names_the_offline_choices(tmp_path, name):
  module, _ = _DATASETS[name]
  asked = _config(name, cache_dir=str(tmp_path / 'cache'))
  with pytest.raises(errors.DataError) as caught:
    module.open_source(asked)
  text = str(caught.value)
  layouts = _spec(name).layouts
  for part in (
    f'--dataset={name}: ',
    'Connection refused',
    '--dataset=mnist_sample',
    '--data_dir',
    *(layout.archive for layout in layouts),
  ):
    assert part in text
  assert '\n' not in text
  assert len(module.source_digest(asked)) == 64  # planning needs no network


def test_downloads_once_and_verified(tmp_path, name, monkeypatch):
  module, _ = _DATASETS[name]
  layout = _layout(name, False)
  body = _pack(layout, _files(name))
  asked = _config(name, cache_dir=str(tmp_path))
  with mirror(body=body) as (server, url):
    pin = Pin(num_bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
    _republish(monkeypatch, name, mirrors=(url,), pin=pin)
    _write(tmp_path / name, _files(name, labels=np.zeros(13, int)))  # nobody verified these
    _check_content(module.open_source(asked))
    server.behaviour = (200, body[:-1] + b'!', None)
    module.open_source(asked)
    (tmp_path / name / layout.archive).write_bytes(body[:-9])
    with pytest.raises(errors.DataError, match='not the published one'):
      module.open_source(asked)
  assert server.requests == [f'/{layout.archive}'] * 2
