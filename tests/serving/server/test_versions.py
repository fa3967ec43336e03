import errno
import logging
import pathlib
import shutil
import threading
import time
import types

import pytest

from serving import version_folders
from serving.server import versions
from serving.server.errors import Code, ServingError
from serving.server.versions import AVAILABLE, END, LOADING, UNLOADING
from tests.serving.server.loader import Loader
from tests.serving.server.waiting import wait_until


class Model(versions.ModelVersions):
  """Versions in a folder, looked at by hand."""

  def __init__(self, base: pathlib.Path, **timing) -> None:
    self.base, self.loader = base, Loader()
    super().__init__('m', base, self.loader, versions.Timing(**timing))

  def push(self, *numbers: int, good: bool = True) -> None:
    for number in numbers:
      (self.base / str(number)).mkdir(parents=True, exist_ok=True)
      if good:
        (self.base / str(number) / 'good').touch()

  def tick(self, going_on: int | None = None) -> dict[int, int]:
    """Looks, and waits until all that goes has gone, but for the version `going_on`."""
    self.look()
    self.reconcile()
    end_s = time.monotonic() + 60
    while UNLOADING in {state for number, state in self.states().items() if number != going_on}:
      assert time.monotonic() < end_s, self.states()
      time.sleep(0.001)
    return self.states()

  def states(self) -> dict[int, int]:
    return {number: state for number, state, _ in self.statuses()}


@pytest.fixture
def model(tmp_path: pathlib.Path) -> Model:
  return Model(tmp_path, max_retries=1, retry_interval_s=0)


def test_find_takes_folders_whose_names_are_numbers(tmp_path: pathlib.Path):
  for name in ('00000123', '7', '-9', '1_000', 'v8', '.incoming-5', '9' * 30):
    (tmp_path / name).mkdir()
  (tmp_path / '124').write_text('a file')
  assert versions.find(tmp_path) == {
    123: tmp_path / '00000123',
    7: tmp_path / '7',
    -9: tmp_path / '-9',
  }


def test_a_folder_that_is_moved_while_it_is_read_is_read_whole(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  base, version = tmp_path / 'base', version_folders.version
  (base / '1').mkdir(parents=True)

  def move(name: str) -> int | None:
    base.rename(tmp_path / 'moved')
    return version(name)

  monkeypatch.setattr(version_folders, 'version', move)
  assert versions.find(base) == {1: base / '1'}


def test_new_version_is_loaded_before_the_old_one_goes(model: Model):
  model.push(1)
  assert model.tick() == {1: AVAILABLE}
  model.push(3, 2)
  assert model.tick() == {3: AVAILABLE, 1: END}
  assert model.loader.events == ['load 1', 'load 3', 'close 1']
  with model.use(None) as servable:
    assert servable.version == 3
    assert servable._num_users == 1
  assert servable._num_users == 0


def test_broken_version_leaves_the_old_one(model: Model):
  model.push(1)
  model.tick()
  model.push(2, good=False)
  assert model.tick() == {2: LOADING, 1: AVAILABLE}
  assert model.tick() == {2: END, 1: AVAILABLE}
  assert model.tick() == {2: END, 1: AVAILABLE}
  assert model.loader.events == ['load 1', 'load 2', 'load 2']
  assert model.statuses()[0][2].code is Code.DATA_LOSS
  with model.use(None) as servable:
    assert servable.version == 1


def test_half_copied_version_is_served_when_it_is_whole(model: Model):
  model.push(1)
  model.tick()
  model.push(2, good=False)
  model.tick()
  model.push(2)
  assert model.tick() == {2: AVAILABLE, 1: END}
  assert model.statuses()[0][2] is None


def test_retry_waits_for_its_time(tmp_path: pathlib.Path):
  model = Model(tmp_path, retry_interval_s=3600)
  model.push(1, good=False)
  assert model.tick() == model.tick() == {1: LOADING}
  assert model.loader.events == ['load 1']
  assert model._pause_s() == 1.0  # the look for new versions comes first
  assert 3000 < model._versions[1].retry_at_s - time.monotonic() <= 3600


def test_version_that_was_not_spared_is_wanted_again_as_it_is(model: Model):
  model.push(1)
  model.tick()
  model.push(2, good=False)
  model.tick()
  shutil.rmtree(model.base / '2')
  assert model.tick() == {2: END, 1: AVAILABLE}
  assert model.loader.events == ['load 1', 'load 2']


def test_request_that_lasts_holds_back_its_own_version_alone(model: Model):
  model.push(1)
  model.tick()
  with model.use(None) as servable:
    model.push(2)
    assert model.tick(going_on=1) == {2: AVAILABLE, 1: UNLOADING}
    model.push(3)
    assert model.tick(going_on=1) == {3: AVAILABLE, 2: END, 1: UNLOADING}
    assert servable.version == 1
    assert model.loader.events == ['load 1', 'load 2', 'load 3', 'close 2']
  assert model.tick() == {3: AVAILABLE, 2: END, 1: END}
  assert model.loader.events[-1] == 'close 1'


def test_version_is_loaded_anew_when_it_has_gone(model: Model):
  model.push(1)
  model.tick()
  with model.use(None):
    model.push(2)
    model.tick(going_on=1)
    shutil.rmtree(model.base / '2')
    assert model.tick(going_on=1) == {2: AVAILABLE, 1: UNLOADING}
  model.tick()
  assert model.tick() == {2: END, 1: AVAILABLE}
  assert model.loader.events == ['load 1', 'load 2', 'close 1', 'load 1', 'close 2']


def test_stop_ends_the_patience_with_versions_that_go(model: Model):
  model.push(1)
  model.tick()
  with model.use(None):
    model.push(2)
    model.tick(going_on=1)
    wait_until(lambda: model.loader.graces_s == [None])
    model.stop(0)
    assert model.states() == {2: END, 1: END}
    assert sorted(model.loader.events) == ['close 1', 'close 2', 'load 1', 'load 2']
  assert model.loader.graces_s == [None, 0, 0]


def test_folder_that_can_not_be_read_is_tried_as_often_as_a_broken_one(
  tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
):
  def load(name: str, version: int, path: pathlib.Path):
    raise PermissionError(errno.EACCES, 'Permission denied', str(path))

  (tmp_path / '1').mkdir()
  timing = versions.Timing(max_retries=1, retry_interval_s=3600)
  model = versions.ModelVersions('m', tmp_path, load, timing)
  model.look()
  model.reconcile()
  model.reconcile()
  ((_, state, error),) = model.statuses()
  assert (state, error.code) == (LOADING, Code.INTERNAL)
  assert error.message == (
    f"{tmp_path}/1 could not be loaded: [Errno 13] Permission denied: '{tmp_path}/1'"
  )
  assert model._pause_s() == 1.0
  assert caplog.text.count('Traceback') == 1
  model._versions[1].retry_at_s = 0
  model.reconcile()
  assert model.statuses()[0][1] == END


def test_removed_version_gives_way_to_the_one_before(model: Model):
  model.push(1, 2)
  model.tick()
  shutil.rmtree(model.base / '2')
  assert model.tick() == {2: END, 1: AVAILABLE}
  assert model.loader.events == ['load 2', 'load 1', 'close 2']
  model.push(2)
  assert model.tick() == {2: AVAILABLE, 1: END}


def test_last_version_removed_is_unloaded(model: Model):
  model.push(1)
  model.tick()
  shutil.rmtree(model.base / '1')
  assert model.tick() == {1: END}
  with pytest.raises(ServingError, match=r'NOT_FOUND: .*Latest\(m\)'), model.use(None):
    pass


def test_removed_base_folder_changes_nothing(model: Model):
  model.push(1)
  model.tick()
  shutil.rmtree(model.base)
  assert model.tick() == {1: AVAILABLE}


def test_replaced_broken_version_is_tried_anew(model: Model):
  model.push(1, good=False)
  model.tick()
  model.tick()
  shutil.rmtree(model.base / '1')
  assert model.tick() == {1: END}
  model.push(1)
  assert model.tick() == {1: AVAILABLE}


def test_first_tells_the_first_version_served(model: Model):
  model.tick()
  assert not model.first.done()
  model.push(4)
  model.tick()
  assert model.first.result(0) == 4


def test_first_tells_why_there_is_none(model: Model):
  model.push(4, good=False)
  model.tick()
  assert not model.first.done()
  model.tick()
  with pytest.raises(ServingError, match='4 is damaged'):
    model.first.result(0)


def test_asked_for_version_must_be_served(model: Model):
  model.push(1)
  model.tick()
  with model.use(1) as servable:
    assert servable.version == 1
  with pytest.raises(ServingError, match=r'NOT_FOUND: .*Specific\(m, 2\)'), model.use(2):
    pass


def test_versions_get_what_is_left_of_the_grace(model: Model):
  model.push(1)
  model.tick()
  model.stop(time.monotonic() + 3600)
  late = Model(model.base)
  late.tick()
  late.stop(time.monotonic() - 1)
  assert 0 < model.loader.graces_s[0] <= 3600
  assert late.loader.graces_s == [0]


@pytest.mark.parametrize('poll_s', [0, -1])
def test_thread_looks_once_or_never(tmp_path: pathlib.Path, poll_s: int):
  model = Model(tmp_path, poll_s=poll_s)
  model.push(1)
  model.start()
  if poll_s == 0:
    assert model.first.result(60) == 1
    model.push(2)
  model.stop(0)
  model._thread.join(60)
  assert not model._thread.is_alive()
  assert model.loader.events == (['load 1', 'close 1'] if poll_s == 0 else [])


def test_no_configuration_is_missed(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
  """Whatever line the thread runs when one arrives; tries of a broken version keep it going."""
  caplog.set_level(logging.CRITICAL)
  model = Model(tmp_path, poll_s=0, max_retries=10**6, retry_interval_s=0.001)
  lines: set[int] = set()
  arriving: dict[int, pathlib.Path] = {}  # line -> folder to follow

  def trace(frame: types.FrameType, event: str, _: object):
    if frame.f_code.co_filename != versions.__file__:
      return None
    if event == 'line':
      lines.add(frame.f_lineno)
      if frame.f_lineno in arriving:
        model.configure(arriving.pop(frame.f_lineno), dict)
    return trace

  def follow(line: int) -> None:
    folder = tmp_path / f'line {line}'
    (folder / '1').mkdir(parents=True)
    (folder / str(line)).mkdir()
    (folder / str(line) / 'good').touch()
    arriving[line] = folder
    wait_until(lambda: model.states().get(line) == AVAILABLE, f'line {line}')

  model.push(1, good=False)
  model.push(2)
  model.configure(tmp_path, dict)
  monkeypatch.setattr(threading, '_trace_hook', trace)
  model.start()
  try:
    wait_until(lambda: len(model.loader.events) > 6)
    lines.clear()  # of the start, which do not come again
    wait_until(lambda: len(model.loader.events) > 12)
    for line in sorted(lines):
      follow(line)
  finally:
    model.stop(0)
    model._thread.join(20)
