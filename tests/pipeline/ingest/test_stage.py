import dataclasses
import hashlib
import json
import resource

import numpy as np
import pytest
import tensorflow as tf

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import idx, stage
from tests.pipeline.ingest.files import (
  IMAGES,
  LABELS,
  contents,
  quiet_console,
  write_image,
  write_pair,
)


def _run(output, **settings):
  output.mkdir()
  console, text = quiet_console()
  settings = {'dataset': 'idx', 'image_size': 8, 'num_shards': 3} | settings
  settings = {name: str(v) if name == 'data_dir' else v for name, v in settings.items()}
  stage.ingest(IngestConfig(**settings), {}, output, console)
  return json.loads((output / 'dataset.json').read_text()), text.getvalue()


def _read(output, split):
  """{key: (image, label)} in the order of the shards."""
  records = {}
  for path in sorted(output.glob(f'{split}-*.tfrecord')):
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
      feature = tf.train.Example.FromString(record).features.feature
      image = np.frombuffer(feature['image'].bytes_list.value[0], np.uint8)
      label = feature['label'].int64_list.value[0] if 'label' in feature else None
      records[feature['key'].bytes_list.value[0].decode()] = image, label
  return records


def test_shards_hold_every_record_once(tmp_path, pair):
  _, text = _run(tmp_path / 'out', data_dir=pair)
  for split, stem, count in (('train', 'train', 90), ('test', 't10k', 30)):
    records = _read(tmp_path / 'out', split)
    assert len(records) == count
    for i in range(count):
      image, label = records[f'{stem}-images-idx3-ubyte[{i}]']
      np.testing.assert_array_equal(image, IMAGES[i].ravel())
      assert label == LABELS[i]
    assert list(records) != sorted(records)  # shuffled
  assert 'train=90 test=30 classes=3' in text
  assert 'quarantined=0' in text


def test_dataset_json_describes_the_shards(tmp_path, pair):
  info, _ = _run(tmp_path / 'out', data_dir=pair)
  assert info['name'] == 'idx'
  assert info['image_shape'] == [8, 8, 1]
  assert info['num_classes'] == 3
  assert info['class_names'] == ['0', '1', '2']
  assert info['quarantined'] == 0
  assert info['source']['sha256'] == idx.folder_digest(pair)
  train = info['splits']['train']
  assert train['class_counts'] == [30, 30, 30]
  assert train['pixel_mean'] == pytest.approx([IMAGES.mean()])
  assert train['pixel_std'] == pytest.approx([IMAGES.std()])
  assert [shard['file'] for shard in train['shards']] == [
    f'train-0000{i}-of-00003.tfrecord' for i in range(3)
  ]
  assert [s['file'] for s in info['splits']['test']['shards']] == ['test-00000-of-00001.tfrecord']
  assert sum(shard['num_images'] for shard in train['shards']) == train['num_images'] == 90
  for shard in train['shards']:
    data = (tmp_path / 'out' / shard['file']).read_bytes()
    assert hashlib.sha256(data).hexdigest() == shard['sha256']
  assert set(contents(tmp_path / 'out')) == {
    'dataset.json',
    'quarantine/records.jsonl',
    'test-00000-of-00001.tfrecord',
    *(shard['file'] for shard in train['shards']),
  }


def test_bytes_depend_on_the_seed_and_not_on_the_blocks(tmp_path, pair, monkeypatch):
  _run(tmp_path / 'a', data_dir=pair)
  monkeypatch.setattr(idx, '_RECORDS_PER_BLOCK', 40)
  _run(tmp_path / 'b', data_dir=pair)
  _run(tmp_path / 'c', data_dir=pair, seed=1)
  assert contents(tmp_path / 'a') == contents(tmp_path / 'b')
  assert list(_read(tmp_path / 'a', 'test')) != list(_read(tmp_path / 'c', 'test'))


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_workers(tmp_path, pair):
  _run(tmp_path / 'one', data_dir=pair)
  _run(tmp_path / 'two', data_dir=pair, num_ingest_workers=2)
  assert contents(tmp_path / 'one') == contents(tmp_path / 'two')


def test_more_shards_than_records(tmp_path, pair):
  write_pair(pair, IMAGES[:3], LABELS[:3])
  info, _ = _run(tmp_path / 'out', data_dir=pair, num_shards=9)
  shards = info['splits']['train']['shards']
  assert len(shards) == 9
  assert sum(shard['num_images'] for shard in shards) == 3
  assert all((tmp_path / 'out' / shard['file']).is_file() for shard in shards)


def test_other_size_and_colour(tmp_path, pair):
  info, _ = _run(tmp_path / 'out', data_dir=pair, image_size=16, num_channels=3)
  assert info['image_shape'] == [16, 16, 3]
  assert len(info['splits']['train']['pixel_mean']) == 3
  assert all(len(image) == 16 * 16 * 3 for image, _ in _read(tmp_path / 'out', 'train').values())


def _fill(folder, num_good, num_bad):
  for i in range(num_good):
    write_image(folder / 'cat' / f'{i}.png', IMAGES[i])
  (folder / 'dog').mkdir(parents=True)
  write_image(folder / 'dog' / 'd.png', IMAGES[-1])
  for i in range(num_bad):
    (folder / 'dog' / f'bad{i}.png').write_text(f'words {i}')


def test_bad_records_are_quarantined(tmp_path):
  _fill(tmp_path / 'source', 17, 2)
  info, text = _run(
    tmp_path / 'out',
    dataset='image_folder',
    data_dir=tmp_path / 'source',
    max_bad_fraction=0.1,
  )
  assert info['quarantined'] == 2
  assert info['splits']['train']['num_images'] == 18
  assert info['splits']['train']['class_counts'] == [17, 1]
  folder = tmp_path / 'out' / 'quarantine'
  lines = [json.loads(line) for line in (folder / 'records.jsonl').read_text().splitlines()]
  assert [line['key'] for line in lines] == ['dog/bad0.png', 'dog/bad1.png']
  assert lines[0]['reason'] == 'not a PNG or JPEG image'
  assert lines[0]['source'] == 'image_folder'
  assert (folder / lines[1]['file']).read_bytes() == b'words 1'
  assert 'quarantined=2' in text
  assert 'quarantine/records.jsonl' in text


def test_too_many_bad_records_stop_the_run(tmp_path):
  _fill(tmp_path / 'source', 14, 5)
  with pytest.raises(errors.DataError) as caught:
    _run(
      tmp_path / 'out',
      dataset='image_folder',
      data_dir=tmp_path / 'source',
      max_bad_fraction=0.2,
    )
  text = str(caught.value)
  assert '5 of 20 records could not be decoded' in text
  assert 'dog/bad0.png: not a PNG or JPEG image' in text
  assert '--max_bad_fraction=0.2' in text
  assert '\n' not in text


def test_nothing_decodable(tmp_path):
  source = tmp_path / 'source'
  source.mkdir()
  (source / 'a.png').write_text('words')
  with pytest.raises(
    errors.DataError, match=r'no record of the train split .*\(1 of 1 bad: a\.png'
  ):
    _run(tmp_path / 'out', dataset='image_folder', data_dir=source, max_bad_fraction=1)


def test_unlabelled_examples_have_no_label(tmp_path):
  for i in range(4):
    write_image(tmp_path / 'source' / f'{i}.png', IMAGES[i])
  info, _ = _run(tmp_path / 'out', dataset='image_folder', data_dir=tmp_path / 'source')
  assert info['num_classes'] == 0
  assert info['class_names'] == info['splits']['train']['class_counts'] == []
  assert {label for _, label in _read(tmp_path / 'out', 'train').values()} == {None}


def test_names_that_are_not_utf8(tmp_path):
  folder = tmp_path / 'source' / 'caf\udce9'
  write_image(folder / '\udce9.png', IMAGES[0])
  (folder / 'b\udce9.png').write_text('words')
  info, _ = _run(
    tmp_path / 'out',
    dataset='image_folder',
    data_dir=tmp_path / 'source',
    max_bad_fraction=0.5,
  )
  assert info['class_names'] == ['caf\\xe9']
  assert info['splits']['train']['num_images'] == 1
  assert 'caf\\xe9/b\\xe9.png' in contents(tmp_path / 'out')['quarantine/records.jsonl'].decode(
    'unicode_escape'
  )


def test_a_disk_that_refuses(tmp_path, pair):
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # bytes a file may grow to
  try:
    with pytest.raises(errors.StorageError, match='could not write its shards: File too large'):
      _run(tmp_path / 'out', data_dir=pair, num_shards=1)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_worker_passes_on_our_errors(tmp_path, pair, monkeypatch):
  real = stage.sources.open_source

  def open_then_truncate(settings):
    source = real(settings)
    (pair / 'train-images-idx3-ubyte').write_bytes(b'')
    digest = stage.sources.source_digest(settings)  # or it would be told that the file changed
    return dataclasses.replace(source, fingerprint=digest)

  monkeypatch.setattr(stage.sources, 'open_source', open_then_truncate)
  with pytest.raises(errors.DataError, match='train-images-idx3-ubyte is empty') as caught:
    _run(tmp_path / 'out', data_dir=pair)
  assert '\n' not in str(caught.value)
  assert 'while running' not in str(caught.value)


@pytest.mark.parametrize('now', [IMAGES[::-1], IMAGES[:50], None])
def test_a_source_that_changes_while_it_is_read(tmp_path, pair, monkeypatch, now):
  real = stage.sources.open_source

  def open_then_change(settings):
    source = real(settings)
    if now is None:
      (pair / 'train-images-idx3-ubyte').write_bytes(b'')  # which a worker would tell of
    else:
      write_pair(pair, now, LABELS[: len(now)])
    return source

  monkeypatch.setattr(stage.sources, 'open_source', open_then_change)
  with pytest.raises(errors.DataError, match='changed while it was read') as caught:
    _run(tmp_path / 'out', data_dir=pair)
  assert '\n' not in str(caught.value)
