import dataclasses
import json
import math
import os
import pickle

import numpy as np
import pytest
import tensorflow as tf

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import open_source, stage, tfrecord, tfrecord_folder
from tests.pipeline.ingest.files import encode_image, quiet_console, random_images, write_pair

_GREY = random_images(12)
_COLOUR = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
_LABELS = np.arange(12) % 3


def _config(folder):
  return IngestConfig(dataset='tfrecord', data_dir=str(folder), image_size=8)


def _example(**features):
  """An example as TensorFlow writes it; __ in a name stands for a slash."""
  message = tf.train.Example()
  for name, value in features.items():
    feature = message.features.feature[name.replace('__', '/')]
    if isinstance(value, bytes):
      feature.bytes_list.value.append(value)
    elif isinstance(value, float):
      feature.float_list.value.append(value)
    else:
      feature.int64_list.value.extend(np.atleast_1d(value).tolist())
  return message.SerializeToString()


def _write(path, records):
  path.parent.mkdir(parents=True, exist_ok=True)
  with tf.io.TFRecordWriter(str(path)) as writer:
    for record in records:
      writer.write(record)


def _png(images=_GREY, labels=_LABELS):
  return [
    _example(image=encode_image(image), label=int(label))
    for image, label in zip(images, labels, strict=True)
  ]


def _decode(folder, split='train', num_channels=1):
  (block,) = pickle.loads(pickle.dumps(tfrecord_folder.open_source(_config(folder)).splits[split]))
  return block.decode(8, num_channels)


def test_describes_both_splits(tmp_path):
  _write(tmp_path / 'train.tfrecord', _png())
  _write(tmp_path / 'test.tfrecord', _png(_GREY[:5], _LABELS[:5]))
  source = tfrecord_folder.open_source(_config(tmp_path))
  assert (source.name, source.class_names) == ('tfrecord', ('0', '1', '2'))
  assert source.fingerprint == tfrecord_folder.source_digest(_config(tmp_path))
  assert {s: [b.num_records for b in blocks] for s, blocks in source.splits.items()} == {
    'train': [12],
    'test': [5],
  }
  decoded = _decode(tmp_path, 'test')
  np.testing.assert_array_equal(decoded.images[..., 0], _GREY[:5])
  np.testing.assert_array_equal(decoded.labels, _LABELS[:5])
  assert decoded.keys[3] == 'test.tfrecord[3]'
  assert decoded.bad == ()


@pytest.mark.parametrize(
  ('name', 'split'),
  [
    ('train-00000-of-00002.tfrecord', 'train'),
    ('a.tfrecords', 'train'),
    ('faces.tfrec', 'train'),
    ('latest.tfrecord', 'train'),
    ('train-test-views.tfrecord', 'train'),
    ('test-00000-of-00001.tfrecord', 'test'),
    ('TEST.tfrecord', 'test'),
    ('val.tfrecord', 'test'),
    ('validation_0.tfrecord', 'test'),
    ('cifar10-test.tfrecord-00000-of-00001', 'test'),
    ('faces_val.tfrecord', 'test'),
    ('.train.tfrecord', None),
    ('train.txt', None),
    ('train.tfrecord.gz', None),
  ],
)
def test_names_decide_the_split(tmp_path, name, split):
  _write(tmp_path / 'train.tfrecord', _png())
  _write(tmp_path / name, _png()[:2])
  splits = tfrecord_folder.open_source(_config(tmp_path)).splits
  files = {s: {b.file.rsplit('/', 1)[1] for b in blocks} for s, blocks in splits.items()}
  assert [s for s, names in files.items() if name in names] == ([split] if split else [])


@pytest.mark.parametrize(
  'features',
  [
    lambda i: {'image': encode_image(_COLOUR[i]), 'label': i % 3},
    lambda i: {'image__encoded': encode_image(_COLOUR[i]), 'image__class__label': i % 3},
    lambda i: {
      'image': _COLOUR[i].tobytes(),
      'height': 8,
      'width': 8,
      'channels': 3,
      'label': i % 3,
      'score': 0.5,
    },
    lambda i: {
      'image__encoded': _COLOUR[i].tobytes(),
      'image__height': 8,
      'image__width': 8,
      'image__channels': 3,
      'label': i % 3,
    },
    lambda i: {
      'image__encoded': encode_image(_COLOUR[i]),
      'image__height': 8,
      'image__width': 8,
      'image__channels': 3,
      'label': i % 3,
    },
  ],
)
def test_spellings_of_features(tmp_path, features):
  _write(tmp_path / 'a.tfrecord', [_example(**features(i)) for i in range(12)])
  decoded = _decode(tmp_path, num_channels=3)
  np.testing.assert_array_equal(decoded.images, _COLOUR)
  np.testing.assert_array_equal(decoded.labels, _LABELS)


def test_a_picture_of_as_many_bytes_as_raw(tmp_path):
  picture = encode_image(_GREY[0])
  sides = {'height': len(picture), 'width': 1, 'channels': 1}
  raw = b'\xff\xd8' + bytes(len(picture) - 2)  # as a JPEG begins
  _write(tmp_path / 'a.tfrecord', [_example(image=data, **sides) for data in (picture, raw)])
  decoded = _decode(tmp_path)
  np.testing.assert_array_equal(decoded.images[0, ..., 0], _GREY[0])
  assert not decoded.images[1].any()


def test_jpeg_of_any_size(tmp_path):
  flat = np.full((40, 30, 3), (200, 100, 50), np.uint8)
  _write(tmp_path / 'a.tfrecord', [_example(image=encode_image(flat, 'JPEG', quality=95))])
  (block,) = tfrecord_folder.open_source(_config(tmp_path)).splits['train']
  assert np.abs(block.decode(28, 3).images.astype(int) - (200, 100, 50)).max() <= 3
  assert block.decode(128, 1).images.shape == (1, 128, 128, 1)


def test_labels_may_be_missing_in_all(tmp_path):
  _write(tmp_path / 'a.tfrecord', [_example(image=encode_image(image)) for image in _GREY])
  assert tfrecord_folder.open_source(_config(tmp_path)).class_names == ()
  assert _decode(tmp_path).labels is None


def _ingest(source, output, **settings):
  output.mkdir()
  asked = IngestConfig(data_dir=str(source), num_shards=3, **settings)
  stage.ingest(asked, {}, output, quiet_console()[0])
  return json.loads((output / 'dataset.json').read_text())


@pytest.mark.parametrize('num_channels', [1, 3])
def test_reads_the_shards_of_this_stage(tmp_path, num_channels):
  (tmp_path / 'idx').mkdir()
  write_pair(tmp_path / 'idx', _GREY, _LABELS)
  write_pair(tmp_path / 'idx', _GREY[:4], _LABELS[:4], stem='t10k')
  sizes = {'image_size': 8, 'num_channels': num_channels}
  first = _ingest(tmp_path / 'idx', tmp_path / 'first', dataset='idx', **sizes)
  again = _ingest(tmp_path / 'first', tmp_path / 'again', dataset='tfrecord', **sizes)
  for split in ('train', 'test'):
    told = [{k: v for k, v in d['splits'][split].items() if k != 'shards'} for d in (first, again)]
    assert told[0] == told[1]  # counts, and the statistics of every pixel
  assert again['class_names'] == ['0', '1', '2']
  assert _images(tmp_path / 'first') == _images(tmp_path / 'again')


def test_reads_shards_that_got_no_record(tmp_path):
  (tmp_path / 'idx').mkdir()
  write_pair(tmp_path / 'idx', _GREY[:1], _LABELS[:1])
  _ingest(tmp_path / 'idx', tmp_path / 'first', dataset='idx', image_size=8)
  again = _ingest(tmp_path / 'first', tmp_path / 'again', dataset='tfrecord', image_size=8)
  assert again['splits']['train']['num_images'] == 1


def test_anomalous_shards_stay_apart(tmp_path):
  (tmp_path / 'idx').mkdir()
  write_pair(tmp_path / 'idx', _GREY, _LABELS)
  sizes = {'image_size': 8, 'normal_classes': '0,1'}
  first = _ingest(tmp_path / 'idx', tmp_path / 'first', dataset='idx', **sizes)
  again = _ingest(tmp_path / 'first', tmp_path / 'again', dataset='tfrecord', image_size=8)
  for told in (first, again):
    counts = {split: s['num_images'] for split, s in told['splits'].items()}
    assert counts == {'train': 8, 'anomalous': 4}
  assert _images(tmp_path / 'first') == _images(tmp_path / 'again')


def test_names_say_nothing_where_classes_say_what_is_anomalous(tmp_path):
  _write(tmp_path / 'train.tfrecord', _png(labels=_LABELS * 0))
  _write(tmp_path / 'anomalous.tfrecord', _png(labels=_LABELS * 0 + 1))
  told = _ingest(tmp_path, tmp_path / 'out', dataset='tfrecord', image_size=8, normal_classes='0')
  counts = {split: s['num_images'] for split, s in told['splits'].items()}
  assert counts == {'train': len(_LABELS), 'anomalous': len(_LABELS)}


def test_bad_anomalous_records_count_among_all(tmp_path):
  _write(tmp_path / 'train.tfrecord', _png())
  _write(tmp_path / 'anomalous.tfrecord', [*_png(), _example(image=b'', label=0)])
  told = _ingest(  # 1 of 25
    tmp_path, tmp_path / 'out', dataset='tfrecord', image_size=8, max_bad_fraction=0.05
  )
  assert told['quarantined'] == 1


def test_a_class_is_asked_for_however_its_accents_are_stored(tmp_path):
  _described(tmp_path, class_names=['cafe\u0301', 'b', 'c'])
  for typed in ('caf\u00e9', 'cafe\u0301'):
    asked = dataclasses.replace(_config(tmp_path), normal_classes=typed)
    assert set(open_source(asked).splits) == {'train', 'anomalous'}


def _images(folder):
  return {
    split: sorted(
      tf.train.Example.FromString(record.content).features.feature['image'].bytes_list.value[0]
      for path in folder.glob(f'{split}-*.tfrecord')
      for record in tfrecord.read_tfrecord(path)
    )
    for split in ('train', 'test', 'anomalous')
  }


def test_names_of_classes_come_from_dataset_json(tmp_path):
  _write(tmp_path / 'train.tfrecord', _png())
  info = {'image_shape': [8, 8, 1], 'class_names': ['cat', 'cow', 'dog', 'emu'], 'splits': {}}
  (tmp_path / 'dataset.json').write_text(json.dumps(info))
  before = tfrecord_folder.source_digest(_config(tmp_path))
  source = tfrecord_folder.open_source(_config(tmp_path))
  assert source.class_names == ('cat', 'cow', 'dog', 'emu')
  (tmp_path / 'dataset.json').write_text(json.dumps(info | {'class_names': list('abcd')}))
  assert tfrecord_folder.source_digest(_config(tmp_path)) != before


def test_bad_records_come_with_their_reason(tmp_path):
  good = {'image': encode_image(_GREY[0]), 'label': 0}
  raw = {'image': bytes(128), 'height': 8, 'width': 8, 'channels': 2, 'label': 0}
  records = [
    _example(**good),
    b'words, no example',
    _example(label=0),
    _example(image=3, label=0),
    _example(image=encode_image(_GREY[0])),
    _example(**good | {'label': [0, 0]}),
    _example(**good | {'image': b'words'}),
    _example(**good | {'image': b''}),
    _example(**raw),
    _example(**raw | {'image': bytes(127)}),
    _example(**raw | {'height': -8, 'width': -8}),
    _example(**good | {'image': encode_image(_GREY[0])[:-40]}),
    _example(**good),
  ]
  _write(tmp_path / 'a.tfrecord', records)
  data = bytearray((tmp_path / 'a.tfrecord').read_bytes())
  data[-6] ^= 1
  (tmp_path / 'a.tfrecord').write_bytes(data)
  decoded = _decode(tmp_path)
  assert decoded.keys == ('a.tfrecord[0]',)
  assert decoded.labels.tolist() == [0]
  reasons = {record.key.removeprefix('a.tfrecord'): record.reason for record in decoded.bad}
  assert reasons.pop('[1]').startswith(('no tf.train.Example', 'damaged tf.train.Example'))
  assert reasons.pop('[11]').startswith('damaged image')
  assert reasons == {
    '[2]': 'has no bytes in image/encoded or image, only label',
    '[3]': 'has no bytes in image/encoded or image, only image, label',
    '[4]': 'has 0 labels, not one',
    '[5]': 'has 2 labels, not one',
    '[6]': 'image of 5 bytes: no PNG or JPEG, nor raw of a shape that height, width and channels'
    ' give',
    '[7]': 'image of 0 bytes: no PNG or JPEG, nor raw of a shape that height, width and channels'
    ' give',
    '[8]': 'raw image of shape (8, 8, 2), not of 1 or 3 channels',
    '[9]': 'image of 127 bytes: no PNG or JPEG, nor raw of shape (8, 8, 2)',
    '[10]': 'raw image of shape (-8, -8, 2), not of 1 or 3 channels',
    '[12]': 'its checksum does not fit',
  }
  payloads = {record.key: record.payload for record in decoded.bad}
  assert payloads['a.tfrecord[1]'] == b'words, no example'
  assert {record.source for record in decoded.bad} == {'tfrecord'}


def test_many_records_come_in_blocks(tmp_path):
  _write(tmp_path / 'a.tfrecord', _png() * 50)
  _write(tmp_path / 'b.tfrecord', _png())
  blocks = tfrecord_folder.open_source(_config(tmp_path)).splits['train']
  assert [(b.start, b.stop) for b in blocks] == [(0, 256), (256, 512), (512, 600), (0, 12)]
  decoded = [block.decode(8, 1) for block in blocks]
  assert len({key for d in decoded for key in d.keys}) == 612
  np.testing.assert_array_equal(np.concatenate([d.labels for d in decoded]), np.tile(_LABELS, 51))


def test_digest_follows_names_and_contents(tmp_path):
  _write(tmp_path / 'a.tfrecord', _png())
  digests = {tfrecord_folder.source_digest(_config(tmp_path))}
  (tmp_path / 'a.tfrecord').rename(tmp_path / 'b.tfrecord')
  digests.add(tfrecord_folder.source_digest(_config(tmp_path)))
  data = bytearray((tmp_path / 'b.tfrecord').read_bytes())
  data[-1] ^= 1
  (tmp_path / 'b.tfrecord').write_bytes(data)
  digests.add(tfrecord_folder.source_digest(_config(tmp_path)))
  assert len(digests) == 3


def _edit(folder, change):
  _write(folder / 'a.tfrecord', _png())
  (folder / 'a.tfrecord').write_bytes(change((folder / 'a.tfrecord').read_bytes()))


def _compressed(folder):
  with tf.io.TFRecordWriter(str(folder / 'a.tfrecord'), 'GZIP') as writer:
    writer.write(_png()[0])


def _described(folder, **changes):
  _write(folder / 'train.tfrecord', _png())
  info = {'image_shape': [8, 8, 1], 'class_names': list('abc'), 'splits': {}} | changes
  (folder / 'dataset.json').write_text(json.dumps(info))


@pytest.mark.parametrize(
  ('fill', 'message'),
  [
    (lambda f: None, 'holds no TFRecord files to train on'),
    (lambda f: (f / 'a.tfrecord').mkdir(), 'holds no TFRecord files'),
    (lambda f: os.mkfifo(f / 'a.tfrecord'), 'holds no TFRecord files'),
    (lambda f: _write(f / 'test.tfrecord', _png()), 'only test.tfrecord of the test split'),
    (lambda f: (f / 'a.tfrecord').touch(), 'a.tfrecord, of the train split, holds no records'),
    (
      lambda f: (_write(f / 'a.tfrecord', _png()), (f / 'test.tfrecord').touch()),
      'test.tfrecord, of the test split, holds no records',
    ),
    (
      lambda f: _write(f / 'a.tfrecord', [_example(image=b'', label=b'cat')]),
      r'the label of a.tfrecord\[0\] is no integer',
    ),
    (
      lambda f: _write(f / 'a.tfrecord', [_example(image=b''), _example(image=b'', label=0.0)]),
      r'the label of a.tfrecord\[1\] is no integer',
    ),
    (lambda f: _edit(f, lambda d: d[:-1]), 'ends inside the record of .*: truncated'),
    (lambda f: _edit(f, lambda d: d[:5]), 'ends inside the record at byte 0'),
    (lambda f: _edit(f, lambda d: b'\xff' + d[1:]), 'wrong checksum of the length at byte 0'),
    (lambda f: _edit(f, lambda d: d + b'words' * 9), 'wrong checksum of the length'),
    (_compressed, 'wrong checksum of the length .* compressed'),
    (lambda f: _write(f / 'a.tfrecord', _png(labels=_LABELS + 1)), 'none has label 0'),
    (lambda f: _write(f / 'a.tfrecord', _png(labels=_LABELS - 1)), 'label -1 of record 0'),
    (lambda f: _write(f / 'a.tfrecord', _png(labels=_LABELS * 2)), 'outside the classes 0 to 0'),
    (
      lambda f: (
        _write(f / 'a.tfrecord', _png()),
        _write(f / 'val.tfrecord', _png(labels=_LABELS + 1)),
      ),
      'test split: label 3 of record 2 is outside the classes 0 to 2',
    ),
    (lambda f: _described(f, class_names=['a']), 'outside the classes 0 to 0'),
    (lambda f: _described(f, image_shape=[8, 8]), 'dataset.json does not describe the shards'),
    (lambda f: _described(f, splits=3), 'dataset.json does not describe the shards'),
    (lambda f: _described(f, image_shape=[8, math.inf, 1]), 'dataset.json does not describe'),
    (
      lambda f: (_described(f), (f / 'dataset.json').write_text('[' * 100_000)),
      'dataset.json does not describe the shards',
    ),
    (
      lambda f: _described(f, splits={'train': {'shards': [{'file': 'train-1.tfrecord'}]}}),
      'has no train-1.tfrecord, which dataset.json lists',
    ),
  ],
)
def test_bad_input_is_one_clear_line(tmp_path, fill, message):
  fill(tmp_path)
  with pytest.raises(errors.DataError, match=message) as caught:
    tfrecord_folder.open_source(_config(tmp_path))
  assert '\n' not in str(caught.value)
  assert str(tmp_path) in str(caught.value)
  assert caught.value.exit_code == 3


def test_missing_folder(tmp_path):
  for call in (tfrecord_folder.open_source, tfrecord_folder.source_digest):
    with pytest.raises(errors.DataError, match='none is not a folder'):
      call(_config(tmp_path / 'none'))
