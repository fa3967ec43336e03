import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import npz
from tests.pipeline.ingest.files import random_images

_RNG = np.random.default_rng(0)
_GREY = random_images(12)
_COLOUR = _RNG.integers(0, 256, (12, 8, 8, 3), np.uint8)
_LABELS = np.arange(12) % 3


@pytest.fixture(autouse=True)
def _forget():
  npz.release_memory()


def _config(path):
  return IngestConfig(dataset='npz', data_dir=str(path), image_size=8)


def _save(folder, compress=True, **arrays):
  (np.savez_compressed if compress else np.savez)(folder / 'data.npz', **arrays)


def _npy(array, **settings):
  buffer = io.BytesIO()
  np.lib.format.write_array(buffer, array, **settings)
  return buffer.getvalue()


def _write_zip(folder, **members):
  with zipfile.ZipFile(folder / 'data.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
    for name, data in members.items():
      archive.writestr(f'{name}.npy', data)


def _decode(path, split='train', num_channels=1):
  (block,) = pickle.loads(pickle.dumps(npz.open_source(_config(path)).splits[split]))
  return block.decode(8, num_channels)


@pytest.mark.parametrize('compress', [False, True])
def test_describes_both_splits(tmp_path, compress):
  arrays = {'x_train': _GREY, 'y_train': _LABELS, 'x_test': _GREY[:5], 'y_test': _LABELS[:5]}
  _save(tmp_path, compress, **arrays)
  source = npz.open_source(_config(tmp_path))
  assert (source.name, source.class_names) == ('npz', ('0', '1', '2'))
  assert {s: [b.num_records for b in blocks] for s, blocks in source.splits.items()} == {
    'train': [12],
    'test': [5],
  }
  decoded = _decode(tmp_path / 'data.npz', 'test')  # the file or its folder
  np.testing.assert_array_equal(decoded.images[..., 0], _GREY[:5])
  assert decoded.labels.dtype == np.int64
  np.testing.assert_array_equal(decoded.labels, _LABELS[:5])
  assert decoded.keys[3] == 'x_test[3]'


@pytest.mark.parametrize('names', [('images', 'labels'), ('train_images', 'train_labels')])
@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.int64, np.uint64])
def test_other_names_and_label_types(tmp_path, names, dtype):
  labels = _LABELS.astype(dtype)[:, None]  # a column, as MedMNIST and Keras have it
  _save(tmp_path, **dict(zip(names, (_GREY, labels), strict=True)), val_images=np.zeros(3))
  np.testing.assert_array_equal(_decode(tmp_path).labels, _LABELS)


def test_labels_may_be_missing(tmp_path):
  _save(tmp_path, images=_GREY)
  assert npz.open_source(_config(tmp_path)).class_names == ()
  assert _decode(tmp_path).labels is None


@pytest.mark.parametrize(
  ('stored', 'images'),
  [
    (_COLOUR, _COLOUR),
    (np.ascontiguousarray(_COLOUR.transpose(0, 3, 1, 2)), _COLOUR),
    (np.asfortranarray(_COLOUR), _COLOUR),
    (_GREY[..., None], np.repeat(_GREY[..., None], 3, -1)),
    (_GREY[:, None], np.repeat(_GREY[..., None], 3, -1)),
  ],
)
def test_axes_of_colour(tmp_path, stored, images):
  _save(tmp_path, images=stored)
  np.testing.assert_array_equal(_decode(tmp_path, num_channels=3).images, images)
  assert _decode(tmp_path).images.shape == (12, 8, 8, 1)


def test_is_resized_antialiased(tmp_path):
  stripes = np.tile(np.array([0, 255], np.uint8), (1, 64, 32))
  _save(tmp_path, images=np.repeat(stripes[..., None], 3, -1))
  (block,) = npz.open_source(_config(tmp_path)).splits['train']
  image = block.decode(16, 3).images[0]
  assert np.abs(image[2:-2, 2:-2].astype(int) - 127).max() <= 16
  assert block.decode(128, 1).images.shape == (1, 128, 128, 1)


def test_blocks_share_what_is_unpacked(tmp_path, monkeypatch):
  _save(tmp_path, images=random_images(1203), labels=np.zeros(1203, int))
  reads = []
  real = npz.npy_format.read_array
  monkeypatch.setattr(
    npz.npy_format, 'read_array', lambda *args, **more: reads.append(1) or real(*args, **more)
  )
  blocks = npz.open_source(_config(tmp_path)).splits['train']
  assert [(b.start, b.stop) for b in blocks] == [(0, 500), (500, 1000), (1000, 1203)]
  keys = [key for block in blocks for key in block.decode(8, 1).keys]
  assert len(set(keys)) == 1203
  assert len(reads) == 2  # images and labels, once


def test_digest_follows_every_byte(tmp_path):
  _save(tmp_path, images=_GREY)
  before = npz.source_digest(_config(tmp_path))
  assert npz.open_source(_config(tmp_path)).fingerprint == before
  changed = _GREY.copy()
  changed[3, 4, 5] ^= 1
  saved_ns = (tmp_path / 'data.npz').stat().st_mtime_ns
  _save(tmp_path, images=changed)
  os.utime(tmp_path / 'data.npz', ns=(0, saved_ns + 10**9))  # some clocks of files tick in 10 ms
  assert npz.source_digest(_config(tmp_path)) != before
  np.testing.assert_array_equal(_decode(tmp_path).images[..., 0], changed)  # it is read again


class _Evil:
  def __reduce__(self):
    return os.mkdir, ('evil',)


def _bomb(folder):
  _write_zip(folder, images=_npy(np.zeros((100, 64, 64), np.uint8)))


def _promise(folder):
  header = io.BytesIO()
  described = {'descr': '|u1', 'fortran_order': False, 'shape': (1 << 20, 1 << 10, 1 << 10)}
  np.lib.format.write_array_header_1_0(header, described)
  _write_zip(folder, images=header.getvalue() + bytes(100))


def _flip(folder):
  _save(folder, False, images=_GREY)
  data = bytearray((folder / 'data.npz').read_bytes())
  data[400] ^= 1
  (folder / 'data.npz').write_bytes(data)


def _describe(folder, content=bytes(64), **changes):
  """An array whose header is what somebody wrote."""
  values = {'descr': "'|u1'", 'fortran_order': 'False', 'shape': '(1, 8, 8)'} | changes
  header = ('{' + ', '.join(f"'{key}': {value}" for key, value in values.items()) + '}').encode()
  length = len(header).to_bytes(2, 'little')
  _write_zip(folder, images=b'\x93NUMPY\x01\x00' + length + header + content)


def _damage_lzma(folder):
  with zipfile.ZipFile(folder / 'data.npz', 'w', zipfile.ZIP_LZMA) as archive:
    archive.writestr('images.npy', _npy(_GREY))
  data = bytearray((folder / 'data.npz').read_bytes())
  data[60:140] = b'\xff' * 80
  (folder / 'data.npz').write_bytes(data)


def _truncate(folder):
  _save(folder, images=_GREY)
  (folder / 'data.npz').write_bytes((folder / 'data.npz').read_bytes()[:-40])


@pytest.mark.parametrize(
  ('fill', 'message'),
  [
    (lambda f: None, r'should hold one .npz file and holds 0 \(none\)'),
    (
      lambda f: (_save(f, images=_GREY), np.savez(f / 'more.npz', images=_GREY)),
      r'holds 2 \(data.npz, more.npz\)',
    ),
    (lambda f: (f / 'data.npz').touch(), 'is no whole .npz file'),
    (lambda f: (f / 'data.npz').write_bytes(b'words' * 99), 'is no whole .npz file'),
    (_truncate, 'is no whole .npz file'),
    (_flip, 'is no whole .npz file .*CRC'),
    (lambda f: _write_zip(f, images=b''), 'is no whole .npz file'),
    (lambda f: _write_zip(f, images=_npy(_GREY) + b'!'), 'promises 768 bytes'),
    (lambda f: _write_zip(f, images=_npy(_GREY)[:-1]), 'promises 768 bytes'),
    (lambda f: _write_zip(f, images=b'\x93NUMPY\x01\x00\x04\x00{0:('), 'is no whole .npz file'),
    (lambda f: _write_zip(f, images=_npy(_GREY, version=(3, 0))), 'of .npy version'),
    (lambda f: _describe(f, shape='(True, 8, 8)'), 'is no whole .npz file'),
    (lambda f: _describe(f, b'', shape=f'(0, {10**25}, 8)'), 'is no whole .npz file'),
    (lambda f: _describe(f, shape='-' * 9000 + '1'), 'takes more memory than there is'),
    (_damage_lzma, 'is no whole .npz file'),
    (_promise, 'promises 1099511627776 bytes'),
    (_bomb, 'would unpack images from [0-9]+ to 409600 bytes'),
    (lambda f: _save(f, pictures=_GREY), 'holds no images. Call the array of images x_train or'),
    (lambda f: _save(f, y_train=_LABELS), 'holds y_train without images'),
    (lambda f: _save(f, x_test=_GREY), 'holds no images'),
    (lambda f: _save(f, images=_GREY, x_train=_GREY), 'holds both x_train and images'),
    (lambda f: _save(f, images=_GREY, y_train=_LABELS, labels=_LABELS), 'holds both y_train and'),
    (lambda f: _save(f, images=_GREY / 255), 'holds images as float64. Store levels 0 to 255'),
    (lambda f: _save(f, images=_GREY.astype(np.int64)), 'holds images as int64'),
    (lambda f: _save(f, images=_GREY.astype(bool)), 'holds images as bool'),
    (lambda f: _save(f, images=np.array([_Evil()])), 'as Python objects, which are never loaded'),
    (lambda f: _save(f, images=_GREY, labels=np.array([_Evil()] * 12)), 'labels as Python objects'),
    (lambda f: _save(f, images=_GREY[:0]), r'holds no images in images \(its shape is \(0, 8, 8'),
    (lambda f: _save(f, images=_GREY[:, :0]), 'holds no images in images'),
    (lambda f: _save(f, images=_GREY.reshape(12, 64)), r'of shape \(12, 64\)'),
    (lambda f: _save(f, images=np.uint8(3)), r'of shape \(\)'),
    (lambda f: _save(f, images=np.zeros((2, 8, 8, 4), np.uint8)), r'of shape \(2, 8, 8, 4\)'),
    (lambda f: _save(f, images=np.zeros((2, 3, 8, 3), np.uint8)), 'is axis 1 or 3 colour'),
    (lambda f: _save(f, images=_GREY, labels=_LABELS[:-1]), '12 images in images and 11 labels'),
    (lambda f: _save(f, images=_GREY, labels=_LABELS / 1), 'labels as float64. Store integers'),
    (lambda f: _save(f, images=_GREY, labels=np.eye(12, 3, dtype=int)), r'labels of shape \(12, 3'),
    (lambda f: _save(f, images=_GREY, labels=np.int64(3)), r'labels of shape \(\)'),
    (lambda f: _save(f, images=_GREY, labels=_LABELS + 1), 'none has label 0'),
    (lambda f: _save(f, images=_GREY, labels=_LABELS - 1), 'label -1 of record 0 is outside'),
    (lambda f: _save(f, images=_GREY, labels=_LABELS * 2), 'outside the classes 0 to 0'),
    (
      lambda f: _save(f, images=_GREY, labels=_LABELS, x_test=_GREY, y_test=_LABELS + 1),
      'y_test: label 3 of record 2 is outside the classes 0 to 2',
    ),
    (lambda f: _save(f, images=_GREY, labels=_LABELS, x_test=_GREY), 'no labels of the test split'),
    (lambda f: _save(f, images=_GREY, x_test=_GREY, y_test=_LABELS), 'of the train split'),
  ],
)
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, fill, message):
  monkeypatch.setattr(npz, '_BOMB_BYTES', 1 << 18)
  monkeypatch.chdir(tmp_path)
  fill(tmp_path)
  with pytest.raises(errors.DataError, match=message) as caught:
    npz.open_source(_config(tmp_path))
  assert '\n' not in str(caught.value)
  assert str(tmp_path) in str(caught.value)
  assert caught.value.exit_code == 3
  assert not (tmp_path / 'evil').exists()


def test_an_array_too_large_for_memory(tmp_path, monkeypatch):
  monkeypatch.setattr(npz, '_MAX_BYTES', 700)
  _save(tmp_path, images=_GREY)
  with pytest.raises(errors.DataError, match='to 768 bytes, more than is let into memory'):
    npz.open_source(_config(tmp_path))


def test_an_encrypted_member(tmp_path):
  _save(tmp_path, images=_GREY)
  data = bytearray((tmp_path / 'data.npz').read_bytes())
  data[6] |= 1
  data[data.rindex(b'PK\x01\x02') + 8] |= 1
  (tmp_path / 'data.npz').write_bytes(data)
  with pytest.raises(errors.DataError, match='encrypted'):
    npz.open_source(_config(tmp_path))


def test_every_flip_is_read_right_or_a_data_error(tmp_path):
  _save(tmp_path, images=_GREY, labels=_LABELS)
  whole = (tmp_path / 'data.npz').read_bytes()
  for _ in range(150):
    data = bytearray(whole)
    data[_RNG.integers(len(data))] ^= int(_RNG.integers(1, 256))
    (tmp_path / 'data.npz').write_bytes(data)
    npz.release_memory()
    try:
      decoded = _decode(tmp_path)
    except errors.DataError as error:
      assert '\n' not in str(error)  # noqa: PT017 - either outcome is right
    else:
      np.testing.assert_array_equal(decoded.images[..., 0], _GREY)


def test_missing_file(tmp_path):
  for call in (npz.open_source, npz.source_digest):
    with pytest.raises(errors.DataError, match=r'none\.npz is no file'):
      call(_config(tmp_path / 'none.npz'))
