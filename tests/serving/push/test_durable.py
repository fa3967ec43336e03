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


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
  """The inodes that become durable."""
  inodes, fsync = [], os.fsync

  def note(descriptor: int) -> None:
    inodes.append(os.fstat(descriptor).st_ino)
    fsync(descriptor)

  monkeypatch.setattr(os, 'fsync', note)
  return inodes


def test_a_file_and_its_name_are_durable(tmp_path: pathlib.Path, synced: list[int]):
  durable.write_text(tmp_path / 'models.config', 'text')
  assert synced == [path.stat().st_ino for path in (tmp_path / 'models.config', tmp_path)]


def test_the_names_of_new_folders_are_durable(tmp_path: pathlib.Path, synced: list[int]):
  durable.make_folder(tmp_path / 'base' / 'digits')
  assert sorted(synced) == sorted(path.stat().st_ino for path in (tmp_path, tmp_path / 'base'))
  synced.clear()
  durable.make_folder(tmp_path / 'base' / 'digits')
  assert not synced
