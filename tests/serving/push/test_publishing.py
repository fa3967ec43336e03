import concurrent.futures
import os
import pathlib
import stat
import threading
import time

import pytest

from serving.push import durable, retention
from serving.push import publishing as push


def contents(folder: pathlib.Path) -> dict[str, bytes]:
  return {
    str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()
  }


def test_first_version_is_1_and_versions_grow(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  base = tmp_path / 'not' / 'there'
  for expected in (1, 2, 3):
    version, path = push.publish(saved_model, base, 'digits')
    assert (version, path) == (expected, base / 'digits' / str(expected))
    assert contents(path) == contents(saved_model)
  assert push.publish(saved_model, base, 'other')[0] == 1


def test_all_names_that_a_server_parses_count(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  folder = tmp_path / 'digits'
  for name in ('00000123', '7', '-9', '1_000_000', 'v900', '.incoming-5000', '9' * 30):
    (folder / name).mkdir(parents=True)
  (folder / '124').write_text('a file is in the way')
  assert push.publish(saved_model, tmp_path, 'digits')[0] == 125


def test_number_of_a_deleted_version_is_not_reused(
  saved_model: pathlib.Path, tmp_path: pathlib.Path
):
  push.publish(saved_model, tmp_path, 'digits')
  _, path = push.publish(saved_model, tmp_path, 'digits')
  path.rename(tmp_path / 'rolled back')
  assert push.publish(saved_model, tmp_path, 'digits')[0] == 3


def test_two_pushes_that_choose_one_number_get_two(
  saved_model: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  seen_late = iter([{}, {1: tmp_path}])  # the other push renames after this one has looked
  monkeypatch.setattr(push, 'versions', lambda folder: next(seen_late))
  (tmp_path / 'digits' / '1').mkdir(parents=True)
  (tmp_path / 'digits' / '1' / 'saved_model.pb').write_bytes(b'the other')
  assert push.publish(saved_model, tmp_path, 'digits')[0] == 2
  assert (tmp_path / 'digits' / '1' / 'saved_model.pb').read_bytes() == b'the other'


def test_a_number_is_not_given_twice_though_its_first_version_is_gone(
  saved_model: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  numbers, write_text = [], durable.write_text

  def push_twice() -> None:
    numbers.extend(push.publish(saved_model, tmp_path, 'digits')[0] for _ in range(2))
    retention.prune(tmp_path / 'digits', 1)

  others = threading.Thread(target=push_twice)

  def overtaken(path: pathlib.Path, text: str) -> None:
    """The others come when this push has chosen its number: they finish, or wait for it."""
    monkeypatch.setattr(durable, 'write_text', write_text)
    others.start()
    others.join(0.5)
    write_text(path, text)

  monkeypatch.setattr(durable, 'write_text', overtaken)
  numbers.append(push.publish(saved_model, tmp_path, 'digits')[0])
  others.join()
  assert sorted(numbers) == [1, 2, 3]


def test_racing_pushes_all_arrive(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    pushes = [pool.submit(push.publish, saved_model, tmp_path, 'digits') for _ in range(24)]
  assert sorted(future.result()[0] for future in pushes) == list(range(1, 25))
  for future in pushes:
    assert contents(future.result()[1]) == contents(saved_model)
  assert not list((tmp_path / 'digits').glob('.incoming-*'))


def test_reader_never_sees_half_a_version(
  saved_model: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  seen = []
  fsync = os.fsync

  def look(descriptor: int) -> None:
    seen.append(list(push.versions(tmp_path / 'digits')))
    fsync(descriptor)

  monkeypatch.setattr(os, 'fsync', look)
  push.publish(saved_model, tmp_path, 'digits')
  # The parent of the new folder, two files and two folders, the number and its folder are durable
  # before the version shows; then its parent.
  assert seen == [[], [], [], [], [], [], [], [1]]


def test_failed_push_leaves_nothing(
  saved_model: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  def full(descriptor: int) -> None:
    raise OSError(28, 'No space left on device')

  (tmp_path / 'digits').mkdir()
  monkeypatch.setattr(os, 'fsync', full)
  with pytest.raises(OSError, match='No space left'):
    push.publish(saved_model, tmp_path, 'digits')
  assert list((tmp_path / 'digits').iterdir()) == []


def test_copies_of_killed_pushes_go(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  push.publish(saved_model, tmp_path, 'digits')
  killed, running = (tmp_path / 'digits' / f'.incoming-{name}' for name in ('killed', 'running'))
  for path in (killed, running):
    path.mkdir()
    (path / 'saved_model.pb').write_bytes(b'half')
  two_days_ago_s = time.time() - 2 * 24 * 3600
  os.utime(killed, (two_days_ago_s, two_days_ago_s))
  push.publish(saved_model, tmp_path, 'digits')
  assert not killed.exists()
  assert running.exists()


def test_another_user_may_read_what_was_private(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  mask = os.umask(0o022)
  try:
    _, path = push.publish(saved_model, tmp_path, 'digits')
  finally:
    os.umask(mask)
  assert stat.S_IMODE(path.stat().st_mode) == 0o755
  assert stat.S_IMODE((path / 'saved_model.pb').stat().st_mode) == 0o644


def test_unwritable_folder_is_an_os_error(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(OSError, match='file'):
    push.publish(saved_model, tmp_path / 'file', 'digits')
