import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from pipeline import dataset, errors
from pipeline.ingest import tfrecord
from pipeline.ingest.example import encode_example
from pipeline.parts import Parts

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
  monkeypatch.setattr(dataset, '_RECORDS_PER_PARSE', 4)
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


def _stream(num_images, batch_size, seed=0, first_step=0, num_steps=1):
  """[num_steps, batch_size] indices, read back from the images and checked against the labels."""
  images = np.arange(num_images, dtype=np.uint8).reshape(-1, 1, 1, 1)
  batches = dataset.training_batches(images, np.arange(num_images), batch_size, seed, first_step)
  indices = []
  for batch_images, labels in batches.take(num_steps):
    np.testing.assert_array_equal(batch_images[:, 0, 0, 0], labels)
    indices.append(labels.numpy())
  return np.stack(indices)


def test_shapes_and_types():
  batches = dataset.training_batches(np.zeros((9, 4, 4, 3), np.uint8), np.zeros(9), 5, 0, 0)
  images, labels = batches.element_spec
  assert (images.shape, images.dtype) == ((5, 4, 4, 3), tf.uint8)
  assert (labels.shape, labels.dtype) == ((5,), tf.int32)


@pytest.mark.parametrize(('num_images', 'batch_size'), [(1, 1), (7, 3), (10, 10), (100, 64)])
def test_every_epoch_visits_every_image_once(num_images, batch_size):
  stream = _stream(num_images, batch_size, num_steps=-(-3 * num_images // batch_size)).ravel()
  for epoch in stream[: 3 * num_images].reshape(3, num_images):
    assert sorted(epoch) == list(range(num_images))


def test_epochs_and_seeds_differ():
  first, second = _stream(100, 100, seed=1, num_steps=2)
  (other,) = _stream(100, 100, seed=2)
  assert (first != second).any()
  assert (first != other).any()
  assert (first != np.arange(100)).any()


@pytest.mark.parametrize(
  ('num_images', 'batch_size', 'seed', 'first_step'), [(40, 7, 0, 5), (9, 9, 3, 1), (5, 2, 9, 30)]
)
def test_beginning_later_equals_skipping(num_images, batch_size, seed, first_step):
  whole = _stream(num_images, batch_size, seed, num_steps=first_step + 4)
  tail = _stream(num_images, batch_size, seed, first_step, num_steps=4)
  np.testing.assert_array_equal(tail, whole[first_step:])


def test_far_along_the_stream():
  step = 10**9  # positions beyond 32 bits
  tail = _stream(7, 3, first_step=step, num_steps=7).ravel()
  skip = -(step * 3) % 7
  assert sorted(tail[skip : skip + 7]) == list(range(7))


def test_eager_and_graph_agree():
  graph = tf.function(dataset.batch_indices)
  for step in (0, 4):
    args = tf.constant(step, tf.int64), 6, 20, 3
    np.testing.assert_array_equal(graph(*args), dataset.batch_indices(*args))
    np.testing.assert_array_equal(_stream(20, 6, 3, step)[0], dataset.batch_indices(*args))


def test_successive_epochs_are_not_correlated():
  # With the four rounds of tf.random.experimental.index_shuffle this reaches 0.9.
  count = 60_000
  orders = [dataset.batch_indices(tf.constant(e, tf.int64), count, count, 0) for e in range(8)]
  matrix = np.corrcoef(np.stack([order.numpy() for order in orders]))
  assert np.abs(matrix - np.eye(8)).max() < 5 / np.sqrt(count)


def test_a_batch_larger_than_the_data():
  with pytest.raises(errors.DataError, match=r'--batch_size=8 is larger than the 7 training'):
    _stream(7, 8)


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


def _streams(parts, num_steps=10, first_step=0):
  """[num_steps, replicas of the process, 2]: positions of the images in the whole split."""
  numbers = np.array(parts.images)
  images = numbers.astype(np.uint8).reshape(-1, 1, 1, 1)
  batches = dataset.training_batches(images, numbers, 2, 0, first_step, parts)
  taken = [labels.numpy() for _, labels in batches.take(num_steps * parts.number)]
  return np.reshape(taken, [num_steps, parts.number, 2])


def test_replicas_get_the_same_images_in_one_process_as_in_several():
  together = _streams(Parts(23, num_replicas=3, number=3))
  apart = [_streams(Parts(23, num_replicas=3, first=replica)) for replica in range(3)]
  np.testing.assert_array_equal(together, np.concatenate(apart, axis=1))
  np.testing.assert_array_equal(_streams(Parts(23, 3, 0, 3), 4, first_step=6), together[6:])


def test_replicas_see_equal_parts_that_have_orders_of_their_own():
  first, second = np.moveaxis(_streams(Parts(20, num_replicas=2, number=2)), 1, 0).reshape(2, 20)
  assert sorted(first[:10]) == list(range(10))
  assert sorted(second[10:]) == list(range(10, 20))
  assert (first != second - 10).any()


def test_a_batch_larger_than_the_parts():
  with pytest.raises(errors.DataError, match=r'--batch_size=4 is larger than the 3 training'):
    _streams(Parts(3, num_replicas=2))
