import dataclasses
import json

import numpy as np
import pytest

from pipeline import dataset, errors, shard_file
from pipeline.ingest import tfrecord
from pipeline.ingest.example import encode_example

_SHAPE = (4, 4, 1)


def _image(i):
  return np.full(_SHAPE, i, np.uint8).tobytes()


def _write(folder, shards, num_classes=3, **changes):
  """An ingest artifact; `shards` lists the records of each shard."""
  entries = []
  for i, records in enumerate(shards):
    name = f'train-{i:05d}-of-{len(shards):05d}.tfrecord'
    encoded = [r if isinstance(r, bytes) else encode_example(r) for r in records]
    sha256 = tfrecord.write_tfrecord(folder / name, encoded)
    entries.append({'file': name, 'num_images': len(records), 'sha256': sha256})
  split = {
    'num_images': sum(map(len, shards)),
    'class_counts': [0] * num_classes,
    'pixel_mean': [1.5],
    'pixel_std': [0.5],
    'shards': entries,
  }
  info = {
    'name': 'idx',
    'image_shape': list(_SHAPE),
    'num_classes': num_classes,
    'class_names': [str(k) for k in range(num_classes)],
    'splits': {'train': split},
    'quarantined': 2,
    'source': {'sha256': 'ab'},
  } | changes
  (folder / 'dataset.json').write_text(json.dumps(info))


def _records(start, stop):
  return [{'image': _image(i), 'label': i % 3, 'key': b'k'} for i in range(start, stop)]


def test_load_info(tmp_path):
  _write(tmp_path, [_records(0, 5)])
  info = dataset.load_info(tmp_path)
  assert info.name == 'idx'
  assert info.image_shape == _SHAPE
  assert info.class_names == ('0', '1', '2')
  assert info.splits['train'].shards[0].num_images == 5
  assert info.splits['train'].pixel_mean == (1.5,)
  assert info.quarantined == 2
  with pytest.raises(dataclasses.FrozenInstanceError):
    info.name = 'other'


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    (None, 'dataset.json could not be read: No such file'),
    ('{', 'dataset.json is malformed'),
    ('[]', 'dataset.json is malformed'),
    ('{}', 'dataset.json is malformed .*image_shape'),
  ],
)
def test_bad_dataset_json(tmp_path, text, message):
  if text is not None:
    (tmp_path / 'dataset.json').write_text(text)
  with pytest.raises(errors.ArtifactError, match=message):
    dataset.load_info(tmp_path)


def test_load_split_keeps_the_order_of_the_shards(tmp_path, monkeypatch):
  monkeypatch.setattr(shard_file, '_RECORDS_PER_PARSE', 4)
  _write(tmp_path, [_records(0, 10), [], _records(10, 13)])
  images, labels = dataset.load_split(tmp_path, 'train')
  assert images.shape == (13, *_SHAPE)
  assert images.dtype == np.uint8
  assert labels.dtype == np.int64
  np.testing.assert_array_equal(images[:, 0, 0, 0], np.arange(13))
  np.testing.assert_array_equal(labels, np.arange(13) % 3)


def test_unlabelled_data_gives_zeros(tmp_path):
  _write(tmp_path, [[{'image': _image(i)} for i in range(3)]], num_classes=0)
  _, labels = dataset.load_split(tmp_path, 'train')
  assert labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
  ('record', 'message'),
  [
    ({'image': _image(0)[:-1], 'label': 0}, "'image' has 15 bytes, expected 16 for"),
    ({'image': _image(0)}, 'a record has image: one bytes_list; expected .*label: one int64_list'),
    ({'image': _image(0), 'label': b'0'}, 'label: one bytes_list; expected .*one int64_list'),
    ({'label': 0}, 'a record has label: one int64_list; expected image: one bytes_list'),
    ({'image': _image(0), 'label': 3}, "'label' is 3, expected 0 to 2"),
    (b'\xff no message', 'no tf.train.Example; expected image'),
    (b'', 'no features; expected image'),
  ],
)
def test_records_that_are_not_as_described(tmp_path, record, message):
  _write(tmp_path, [_records(0, 3), [*_records(0, 2), record]])
  with pytest.raises(errors.ArtifactError, match=message) as caught:
    dataset.load_split(tmp_path, 'train')
  assert 'train-00001-of-00002.tfrecord' in str(caught.value)
  assert '\n' not in str(caught.value)
  assert caught.value.exit_code == 7


def _flip(path, at):
  data = bytearray(path.read_bytes())
  data[at] ^= 1
  path.write_bytes(data)


@pytest.mark.parametrize(
  ('break_it', 'message'),
  [
    (lambda path: path.unlink(), 'is missing'),
    (lambda path: _flip(path, 40), 'is corrupt'),
    (lambda path: _flip(path, 3), 'is corrupt'),
    (lambda path: path.write_bytes(path.read_bytes()[:-3]), 'is corrupt'),
    (lambda path: path.write_bytes(b''), 'holds 0 images, expected 5'),
  ],
)
def test_broken_shards(tmp_path, break_it, message):
  _write(tmp_path, [_records(0, 5)])
  break_it(tmp_path / 'train-00000-of-00001.tfrecord')
  with pytest.raises(errors.ArtifactError, match=message) as caught:
    dataset.load_split(tmp_path, 'train')
  assert '\n' not in str(caught.value)


def test_a_split_that_is_not_there(tmp_path):
  _write(tmp_path, [_records(0, 1)])
  with pytest.raises(errors.ArtifactError, match='has no test split, only train'):
    dataset.load_split(tmp_path, 'test')


@pytest.mark.parametrize(
  ('wanted', 'files'),
  [(range(0, 5), {0}), (range(2, 7), {0, 1}), (range(5, 9), {1}), (range(4, 11), {0, 1, 3})],
)
def test_load_split_reads_only_the_shards_that_hold_what_is_wanted(tmp_path, wanted, files):
  _write(tmp_path, [_records(0, 5), _records(5, 10), [], _records(10, 13)])
  for number in {0, 1, 3} - files:
    (tmp_path / f'train-{number:05d}-of-00004.tfrecord').unlink()
  images, labels = dataset.load_split(tmp_path, 'train', wanted)
  np.testing.assert_array_equal(images[:, 0, 0, 0], wanted)
  np.testing.assert_array_equal(labels, np.array(wanted) % 3)
