"""Every source through the whole stage."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import DATASETS, IngestConfig
from pipeline.ingest import sources, stage, tfrecord
from pipeline.ingest.example import decode_example, encode_example
from tests.pipeline.ingest.files import (
  contents,
  encode_image,
  quiet_console,
  random_images,
  write_image,
  write_pair,
)

_RNG = np.random.default_rng(0)
_COUNT = 20
_LABELS = np.arange(_COUNT) % 4
_GREY = random_images(_COUNT, 28)
_COLOUR = _RNG.integers(0, 256, (_COUNT, 32, 32, 3), np.uint8)


def _idx(folder):
  write_pair(folder, _GREY, _LABELS)


def _npz(folder):
  np.savez_compressed(folder / 'data.npz', x_train=_COLOUR, y_train=_LABELS)


def _cifar(folder, num_labels, names):
  rows = np.concatenate(
    [np.repeat(_LABELS[:, None], num_labels, 1), _COLOUR.transpose(0, 3, 1, 2).reshape(_COUNT, -1)],
    axis=1,
  ).astype(np.uint8)
  for name in names:
    (folder / name).write_bytes(rows.tobytes())


def _cifar10(folder):
  _cifar(folder, 1, [*(f'data_batch_{i}.bin' for i in range(1, 6)), 'test_batch.bin'])


def _cifar100(folder):
  _cifar(folder, 2, ['train.bin', 'test.bin'])


def _image_folder(folder):
  for i, (image, label) in enumerate(zip(_COLOUR, _LABELS, strict=True)):
    write_image(folder / f'class{label}' / f'{i}.png', image)


def _celeba(folder):
  for i in range(_COUNT):
    write_image(folder / 'img_align_celeba' / f'{i:06d}.png', _COLOUR[i])


def _tfrecord(folder):
  examples = (
    encode_example({'image/encoded': encode_image(image), 'label': int(label)})
    for image, label in zip(_COLOUR, _LABELS, strict=True)
  )
  tfrecord.write_tfrecord(folder / 'train.tfrecord', examples)


_FILL = {
  'mnist': _idx,
  'fashion_mnist': _idx,
  'kmnist': _idx,
  'idx': _idx,
  'cifar10': _cifar10,
  'cifar100': _cifar100,
  'npz': _npz,
  'image_folder': _image_folder,
  'celeba': _celeba,
  'tfrecord': _tfrecord,
}


def _ingest(dataset, folder, output, **settings):
  output.mkdir()
  asked = IngestConfig(dataset=dataset, data_dir=str(folder), **settings)
  stage.ingest(asked, {}, output, quiet_console()[0])
  return json.loads((output / 'dataset.json').read_text())


def test_every_dataset_is_tried_here():
  assert {'mnist_sample', *_FILL} == set(DATASETS)


@pytest.mark.parametrize('dataset', _FILL)
def test_any_size_and_colour(tmp_path, dataset):
  _FILL[dataset](tmp_path)
  source = sources.open_source(IngestConfig(dataset=dataset, data_dir=str(tmp_path)))
  for image_size, num_channels in ((28, 1), (28, 3), (64, 1), (128, 3), (256, 1)):
    decoded = source.splits['train'][0].decode(image_size, num_channels)
    assert decoded.images.shape[1:] == (image_size, image_size, num_channels)
    assert decoded.images.dtype == np.uint8
    assert len(decoded.images) == len(decoded.keys) >= _COUNT
    assert decoded.bad == ()


@pytest.mark.parametrize('dataset', _FILL)
def test_shards_hold_the_pixels_as_they_are(tmp_path, dataset):
  (tmp_path / 'source').mkdir()
  _FILL[dataset](tmp_path / 'source')
  is_grey = _FILL[dataset] is _idx
  images, num_channels = (_GREY, 1) if is_grey else (_COLOUR, 3)
  info = _ingest(
    dataset,
    tmp_path / 'source',
    tmp_path / 'out',
    image_size=images.shape[1],
    num_channels=num_channels,
    num_shards=1,
  )
  assert info['name'] == dataset
  assert info['image_shape'] == [images.shape[1], images.shape[1], num_channels]
  assert info['quarantined'] == 0
  train = info['splits']['train']
  per_class = train['num_images'] // 4
  assert train['class_counts'][:4] == ([] if dataset == 'celeba' else [per_class] * 4)
  assert not any(train['class_counts'][4:])
  records = tfrecord.read_tfrecord(tmp_path / 'out' / train['shards'][0]['file'])
  examples = [decode_example(record.content) for record in records]
  held = {(example['image'][0], *example.get('label', [])) for example in examples}
  labels = [()] * _COUNT if dataset == 'celeba' else [(k,) for k in _LABELS]
  assert held == {(image.tobytes(), *label) for image, label in zip(images, labels, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize('dataset', ['npz', 'cifar100', 'celeba', 'tfrecord'])
def test_bytes_do_not_depend_on_the_workers(tmp_path, dataset):
  (tmp_path / 'source').mkdir()
  _FILL[dataset](tmp_path / 'source')
  for workers in (1, 2):
    _ingest(dataset, tmp_path / 'source', tmp_path / str(workers), num_ingest_workers=workers)
  assert contents(tmp_path / '1') == contents(tmp_path / '2')


@pytest.mark.parametrize('dataset', _FILL)
def test_every_source_tells_a_missing_folder(tmp_path, dataset):
  asked = IngestConfig(dataset=dataset, data_dir=str(tmp_path / 'none'))
  for call in (sources.open_source, sources.source_digest):
    with pytest.raises(errors.DataError, match='none') as caught:
      call(asked)
    assert '\n' not in str(caught.value)
    assert '--data_dir' in str(caught.value)


@pytest.mark.parametrize('dataset', _FILL)
def test_what_the_file_system_refuses_is_one_line(tmp_path, dataset, monkeypatch):
  def refuse(self, *args, **more):
    raise PermissionError(13, 'Permission denied', str(self))

  monkeypatch.setattr(pathlib.Path, 'is_dir', refuse)
  asked = IngestConfig(dataset=dataset, data_dir=str(tmp_path))
  for call in (sources.open_source, sources.source_digest):
    with pytest.raises(errors.DataError, match='could not be read: Permission denied') as caught:
      call(asked)
    assert str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('dataset', ['image_folder', 'celeba', 'npz', 'idx', 'tfrecord'])
def test_local_sources_need_a_folder(dataset):
  with pytest.raises(errors.ConfigError, match=f'--dataset={dataset} .* --data_dir'):
    IngestConfig(dataset=dataset)


_ALONE = """
import pathlib, sys
from pipeline.config.ingest import IngestConfig
from pipeline.console import Console
from pipeline.ingest import stage
asked = IngestConfig(dataset=sys.argv[1], data_dir=sys.argv[2])
stage.ingest(asked, {}, pathlib.Path(sys.argv[3]), Console())
print('loaded', *sorted({name.split('.')[0] for name in sys.modules}))
"""


def test_ingest_trains_nothing(tmp_path):
  """It needs neither TensorFlow nor Keras, and leaves nothing but shards and their description."""
  for folder in ('source', 'out'):
    (tmp_path / folder).mkdir()
  _tfrecord(tmp_path / 'source')
  root = pathlib.Path(__file__).parents[3]
  done = subprocess.run(
    [sys.executable, '-c', _ALONE, 'tfrecord', tmp_path / 'source', tmp_path / 'out'],
    cwd=root,
    capture_output=True,
    text=True,
    check=True,
  )
  (line,) = (line for line in done.stdout.splitlines() if line.startswith('loaded'))
  assert 'numpy' in line.split()
  assert not {'tensorflow', 'tf_keras', 'keras'} & set(line.split())
  names = {path.name for path in (tmp_path / 'out').iterdir()}
  assert {name for name in names if not name.endswith('.tfrecord')} == {
    'dataset.json',
    'quarantine',
  }
