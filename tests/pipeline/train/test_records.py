"""Records on disk, and a disk that takes no more."""

import json
import shutil

import PIL.Image
import pytest

from pipeline import errors
from pipeline.train.records import Records


@pytest.fixture
def records(tmp_path):
  records = Records(tmp_path, first_step=0)
  records.figures(10, {'loss': 0.5, 'time_s': None, 'warning': 'it has collapsed'})
  return records


def test_a_line_for_programs_and_events_for_people(records, tmp_path):
  records.picture(10, PIL.Image.new('L', (4, 4)))
  records.close()
  line = json.loads((tmp_path / 'metrics.jsonl').read_text())
  assert line == {'step': 10, 'loss': 0.5, 'time_s': None, 'warning': 'it has collapsed'}
  [events] = (tmp_path / 'tensorboard').iterdir()
  for part in (b'loss', b'it has collapsed', b'samples', b'PNG'):
    assert part in events.read_bytes()


def test_what_is_made_again_is_forgotten(records, tmp_path):
  for step in (20, 30):
    records.figures(step, {'loss': 0.1})
  records.close()
  with (tmp_path / 'metrics.jsonl').open('a') as file:
    file.write('{"step": 40, "lo')  # torn
  Records(tmp_path, first_step=20).close()
  lines = (tmp_path / 'metrics.jsonl').read_text().splitlines()
  assert [json.loads(line)['step'] for line in lines] == [10, 20]


@pytest.mark.parametrize('then', ['nothing', 'a file', 'a folder'])
def test_a_tensorboard_folder_that_was_removed_is_one_clear_line(records, tmp_path, then):
  folder = tmp_path / 'tensorboard'
  shutil.rmtree(folder)
  if then == 'a file':
    folder.write_text('')
  if then == 'a folder':
    folder.mkdir()
  message = r'^\S+/tensorboard can not be written: the folder was removed'
  with pytest.raises(errors.StorageError, match=message):
    records.figures(20, {'loss': 0.5})
  with pytest.raises(errors.StorageError, match=message):
    records.picture(20, PIL.Image.new('L', (4, 4)))


def test_a_tensorboard_folder_that_is_none_is_one_clear_line(tmp_path):
  (tmp_path / 'tensorboard').write_text('a file')
  with pytest.raises(errors.StorageError, match='tensorboard can not be written: it is no folder'):
    Records(tmp_path, first_step=0)
