import pathlib

import pytest

from serving import push
from serving.push import labels


@pytest.fixture
def folder(saved_model: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  for _ in range(5):
    push.publish(saved_model, tmp_path / 'base', 'digits')
  return tmp_path / 'base' / 'digits'


def test_the_newest_stay(folder: pathlib.Path):
  assert push.prune(folder, 2) == [1, 2, 3]
  assert list(push.versions(folder)) == [4, 5]
  assert sorted(path.name for path in folder.iterdir()) == [
    '.last_version',
    '.last_version.lock',
    '4',
    '5',
  ]


def test_a_labelled_version_stays(folder: pathlib.Path):
  labels.write(folder.parent / labels.FILE, folder, {'stable': 2})
  assert push.prune(folder, 1) == [1, 3, 4]
  assert list(push.versions(folder)) == [2, 5]


def test_nothing_goes_where_the_labels_can_not_be_read(folder: pathlib.Path):
  (folder.parent / labels.FILE).write_text('oops')
  with pytest.raises(ValueError, match='no configuration'):
    push.prune(folder, 1)
  assert list(push.versions(folder)) == [1, 2, 3, 4, 5]


def test_what_a_killed_process_left_goes(folder: pathlib.Path):
  (folder / '1').rename(folder / '.removed-by-a-killed-process')
  push.prune(folder, 4)
  assert sorted(path.name for path in folder.iterdir()) == [
    '.last_version',
    '.last_version.lock',
    *'2345',
  ]


def test_a_version_vanishes_whole(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  seen = []
  monkeypatch.setattr('shutil.rmtree', lambda path: seen.append((path, push.versions(folder))))
  push.prune(folder, 4)
  ((path, versions),) = seen
  assert list(versions) == [2, 3, 4, 5]
  assert (path / 'saved_model.pb').is_file()
