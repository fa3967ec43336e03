"""One population to learn, and the split of what is to be told from it."""

import json

import numpy as np
import pytest

from pipeline import dataset, errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import stage
from tests.pipeline.ingest.files import IMAGES, LABELS, quiet_console, write_image


def run(output, data_dir, normal, name='idx', **settings):
  output.mkdir()
  console, text = quiet_console()
  config = IngestConfig(
    dataset=name, data_dir=str(data_dir), normal_classes=normal, image_size=8, **settings
  )
  stage.ingest(config, {}, output, console)
  return text.getvalue()


def images_of(output, split):
  """Sorted, as the order of the shards is another matter."""
  images, labels = dataset.load_split(output, split)
  assert not labels.any()
  return sorted(image.tobytes() for image in images)


def test_other_classes_have_a_split_of_their_own(tmp_path, pair):
  text = run(tmp_path / 'out', pair, ' 2, 0')
  info = dataset.load_info(tmp_path / 'out')
  assert (info.num_classes, info.class_names) == (0, ())
  normal, other = LABELS != 1, LABELS == 1
  for split, wanted in {
    'train': IMAGES[normal],
    'test': IMAGES[:30][normal[:30]],
    'anomalous': np.concatenate([IMAGES[other], IMAGES[:30][other[:30]]]),
  }.items():
    assert info.splits[split].num_images == len(wanted)
    assert images_of(tmp_path / 'out', split) == sorted(image.tobytes() for image in wanted)
  assert 'ingested train=60 test=20 anomalous=40 classes=0' in text


def test_defects_that_only_the_test_folder_has(tmp_path):
  names = ('train/good/a', 'train/good/b', 'test/good/a', 'test/scratch/a', 'test/hole/a')
  for name, image in zip(names, IMAGES, strict=False):
    write_image(tmp_path / f'parts/{name}.png', image)
  run(tmp_path / 'out', tmp_path / 'parts', 'good', 'image_folder')
  info = dataset.load_info(tmp_path / 'out')
  assert {split: s.num_images for split, s in info.splits.items()} == {
    'train': 2,
    'test': 1,
    'anomalous': 2,
  }
  assert images_of(tmp_path / 'out', 'anomalous') == sorted(i.tobytes() for i in IMAGES[3:5])
  with pytest.raises(errors.DataError, match="class 'hole' is in test/ and not in train/"):
    run(tmp_path / 'all', tmp_path / 'parts', '', 'image_folder')


def test_a_bad_record_is_counted_once(tmp_path):
  for label, image in zip('0011', IMAGES, strict=False):
    write_image(tmp_path / f'parts/{label}/{image.sum()}.png', image)
  (tmp_path / 'parts/0/bad.png').write_bytes(b'no picture')
  text = run(tmp_path / 'out', tmp_path / 'parts', '0', 'image_folder', max_bad_fraction=0.2)
  lines = (tmp_path / 'out/quarantine/records.jsonl').read_text().splitlines()
  assert [json.loads(line)['key'] for line in lines] == ['0/bad.png']
  assert 'train=2 anomalous=2' in text
  with pytest.raises(errors.DataError, match='1 of 5 records'):
    run(tmp_path / 'strict', tmp_path / 'parts', '0', 'image_folder', max_bad_fraction=0.19)


@pytest.mark.parametrize(
  ('normal', 'problem'),
  [
    ('0,7', "'7' .* which is no class of idx. Choose among: 0, 1, 2."),
    ('0,1,2', 'names every class of idx'),
  ],
)
def test_classes_that_can_not_be_told_apart(tmp_path, pair, normal, problem):
  with pytest.raises(errors.DataError, match=problem):
    run(tmp_path / 'out', pair, normal)


def test_images_without_labels(tmp_path):
  write_image(tmp_path / 'parts/a.png', IMAGES[0])
  with pytest.raises(errors.DataError, match='none, it has no labels'):
    run(tmp_path / 'out', tmp_path / 'parts', 'good', 'image_folder')


def test_a_split_without_normal_images(tmp_path):
  for name, image in zip(('train/good/a', 'test/hole/a'), IMAGES, strict=False):
    write_image(tmp_path / f'parts/{name}.png', image)
  with pytest.raises(errors.DataError, match='no image of the test split is of --normal_classes=g'):
    run(tmp_path / 'out', tmp_path / 'parts', 'good', 'image_folder')


def test_pictures_beside_folders_are_refused_as_ever(tmp_path):
  for name, image in zip(('train/a', 'test/hole/a'), IMAGES, strict=False):
    write_image(tmp_path / f'parts/{name}.png', image)
  with pytest.raises(errors.DataError, match="'hole' is in test/ and not in train/"):
    run(tmp_path / 'out', tmp_path / 'parts', 'hole', 'image_folder')
