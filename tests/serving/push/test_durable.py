import os
import pathlib

import pytest

from serving.push import durable


def test_a_reader_of_the_old_file_goes_on_reading_it(tmp_path: pathlib.Path):
  path, old = tmp_path / 'models.config', tmp_path / 'old'
  durable.write_text(path, 'before')
  os.link(path, old)
  durable.write_text(path, 'after')
  assert (path.read_text(), old.read_text()) == ('after', 'before')


def test_a_write_that_fails_leaves_nothing(tmp_path: pathlib.Path):
  (tmp_path / 'models.config').mkdir()
  with pytest.raises(IsADirectoryError):
    durable.write_text(tmp_path / 'models.config', 'text')
  assert [path.name for path in tmp_path.iterdir()] == ['models.config']
