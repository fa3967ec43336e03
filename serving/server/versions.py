"""The versions of one model: found in a folder, loaded, kept and unloaded.

Those that its policy chooses are served. A new one is loaded and warmed up before the old one
goes; one that can't be loaded is tried again and leaves the old one where it is. One that goes
waits for its last request in a thread of its own.
"""

import concurrent.futures
import contextlib
import dataclasses
import logging
import os
import pathlib
import queue
import threading
import time
from collections.abc import Callable, Iterator

from tensorflow_serving.apis import get_model_status_pb2

from serving import version_folders
from serving.server.errors import Code, ServingError
from serving.server.servable import Servable
from serving.server.version_policy import Choice, Folders, latest, none

State = get_model_status_pb2.ModelVersionStatus.State
START, LOADING, AVAILABLE, UNLOADING, END = (
  State.Value(name) for name in ('START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END')
)

_log = logging.getLogger(__name__)


def find(base_path: pathlib.Path) -> Folders:
  """The version folders in `base_path`, by number.

  Raises:
    OSError: the folder can't be read.
  """
  with os.scandir(base_path) as entries:  # which knows folders, even if it is moved meanwhile
    names = sorted(entry.name for entry in entries if entry.is_dir())
  numbered = ((version_folders.version(name), base_path / name) for name in names)
  return {number: path for number, path in numbered if number is not None}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
  """When folders are looked at and loads are tried again."""

  poll_s: float = 1.0  # 0 looks once, below 0 never
  max_retries: int = 5
  retry_interval_s: float = 60.0


@dataclasses.dataclass
class _Version:
  """What is known of one version."""

  number: int
  state: int = START
  error: ServingError | None = None
  servable: Servable | None = None  # until it is unloaded
  num_failures: int = 0
  retry_at_s: float = 0.0  # monotonic
  wanted: bool = True


class ModelVersions:
  """A thread that keeps the served versions in step with a folder, and a door to them."""

  def __init__(
    self,
    name: str,
    base_path: pathlib.Path,
    load: Callable[[str, int, pathlib.Path], Servable],
    timing: Timing,
    choose: Choice = latest,
  ) -> None:
    self.name = name
    self.first: concurrent.futures.Future[int] = concurrent.futures.Future()
    self._base_path, self._choose = base_path, choose
    self._load_servable, self._timing = load, timing
    self._wanted: Folders = {}
    self._versions: dict[int, _Version] = {}
    self._lock = threading.Lock()
    self._stop = threading.Event()
    # What the thread is woken by: whether it may mean other folders than before.
    self._news: queue.SimpleQueue[bool] = queue.SimpleQueue()
    self._thread = threading.Thread(target=self._run, name=f'versions of {name}', daemon=True)
    self._trouble = ''

  def start(self) -> None:
    """Begins to look; `first` then tells the first version served, or why there will be none."""
    self._thread.start()

  def configure(self, base_path: pathlib.Path, choose: Choice) -> None:
    """Follows another folder or policy from now on; what is still wanted stays as it is."""
    if self._choose is none and self.first.done():
      self.first = concurrent.futures.Future()  # the model was taken out and comes back
    self._base_path, self._choose = base_path, choose
    self._news.put(True)

  def stop(self, deadline_s: float) -> None:
    """Unloads everything; requests that last until `deadline_s`, monotonic, are cancelled."""
    self._stop.set()
    self._news.put(False)
    for version in self._all():
      self._unload(version, max(0.0, deadline_s - time.monotonic()))

  @contextlib.contextmanager
  def use(self, number: int | None) -> Iterator[Servable]:
    """The version asked for, None for the newest; it stays loaded meanwhile.

    Raises:
      ServingError: NOT_FOUND, it is not being served.
    """
    with contextlib.ExitStack() as stack:
      with self._lock:
        servables = {v.number: v.servable for v in self._versions.values() if v.state == AVAILABLE}
        servable = servables.get(max(servables, default=0) if number is None else number)
        if servable is None:
          which = f'Latest({self.name})' if number is None else f'Specific({self.name}, {number})'
          raise ServingError(Code.NOT_FOUND, f'Servable not found for request: {which}')
        stack.enter_context(servable.in_use())
      yield servable

  def statuses(self) -> list[tuple[int, int, ServingError | None]]:
    """Number, state and error of every version seen so far, newest first."""
    with self._lock:
      return [
        (number, version.state, version.error)
        for number, version in sorted(self._versions.items(), reverse=True)
      ]

  def look(self) -> None:
    """Reads the folder; keeps what it knew if that fails."""
    if self._choose is none:
      self._wanted = {}
      return
    try:
      self._wanted = self._choose(find(self._base_path))
      trouble = '' if self._wanted else f'No versions of servable {self.name} found under base path'
    except OSError as error:
      trouble = f'Could not read base path for servable {self.name} ({error.strerror}):'
    if trouble and trouble != self._trouble:
      _log.warning('%s %s. Waiting for one.', trouble, self._base_path)
    self._trouble = trouble

  def reconcile(self) -> None:
    """Loads what is wanted and due, then unloads what is not and can be spared."""
    for number, path in sorted(self._wanted.items(), reverse=True):
      version = self._versions.get(number)
      if version is None or (version.state == END and not version.wanted):
        version = _Version(number)
        with self._lock:
          self._versions[number] = version
      if version.state in (START, LOADING) and time.monotonic() >= version.retry_at_s:
        self._load(version, path)
    self._retire()
    self._settle_first()

  def _run(self) -> None:
    looking = self._timing.poll_s >= 0
    while not self._stop.is_set():
      try:
        if looking:
          self.look()
        self.reconcile()
      except Exception:  # a defect must not end the watch: later versions may go well
        _log.exception('%s: could not follow its folder', self.name)
      looking = self._wait()

  def _wait(self) -> bool:
    """Waits for news, a new try or the next look; returns whether it is time to look."""
    try:
      return self._news.get(timeout=self._pause_s()) and self._timing.poll_s >= 0
    except queue.Empty:
      return self._timing.poll_s > 0

  def _pause_s(self) -> float | None:
    due_s = [v.retry_at_s - time.monotonic() for v in self._all() if v.state == LOADING]
    poll_s = [self._timing.poll_s] if self._timing.poll_s > 0 else []
    return max(0.0, min(due_s + poll_s)) if due_s + poll_s else None

  def _load(self, version: _Version, path: pathlib.Path) -> None:
    start_s, version.state = time.monotonic(), LOADING
    try:
      servable = self._load_servable(self.name, version.number, path)
    except Exception as error:  # counts as a try: one that did not would be tried for ever
      self._note_failure(version, _load_error(path, error))
      return
    with self._lock:
      version.servable, version.error, version.state = servable, None, AVAILABLE
    seconds = time.monotonic() - start_s
    _log.info('%s: version %d is served, loaded in %.1f s', self.name, version.number, seconds)

  def _note_failure(self, version: _Version, error: ServingError) -> None:
    version.error, version.num_failures = error, version.num_failures + 1
    given_up = version.num_failures > self._timing.max_retries
    if given_up:
      version.state = END
    version.retry_at_s = time.monotonic() + self._timing.retry_interval_s
    _log.error(
      '%s: version %d could not be loaded (%s).%s %s',
      self.name,
      version.number,
      error,
      ''.join(f' Version {v.number} goes on.' for v in self._all() if v.state == AVAILABLE),
      'No more tries.' if given_up else f'Next try in {self._timing.retry_interval_s:g} s.',
    )

  def _retire(self) -> None:
    for version in self._all():
      # One that begins to go stays unwanted: it is loaded anew when it has gone.
      stays = version.wanted or version.state == AVAILABLE
      version.wanted = stays and version.number in self._wanted
    served = [v for v in self._all() if v.state == AVAILABLE]
    can_be_spared = not self._wanted or any(v.wanted for v in served)
    for version in self._all():
      if not version.wanted and version.state in (START, LOADING):
        version.state = END
      if not version.wanted and version.state == AVAILABLE and can_be_spared:
        self._begin_to_unload(version)

  def _begin_to_unload(self, version: _Version) -> None:
    def unload() -> None:
      self._unload(version, None)
      _log.info('%s: version %d is unloaded', self.name, version.number)
      self._news.put(False)

    with self._lock:
      version.state = UNLOADING
    name = f'unloading {self.name} {version.number}'
    threading.Thread(target=unload, name=name, daemon=True).start()

  def _unload(self, version: _Version, grace_s: float | None) -> None:
    with self._lock:
      servable = version.servable
      if servable is None:
        return
      version.state = UNLOADING
    servable.close(grace_s)
    with self._lock:
      version.servable, version.state = None, END

  def _settle_first(self) -> None:
    if self.first.done():
      return
    versions = self._all()
    for version in versions:
      if version.state == AVAILABLE:
        self.first.set_result(version.number)
        return
    given_up = [v for v in versions if v.wanted and v.state == END]
    if self._wanted and len(given_up) == len(self._wanted):
      self.first.set_exception(given_up[-1].error)

  def _all(self) -> list[_Version]:
    with self._lock:
      return [self._versions[number] for number in sorted(self._versions)]


def _load_error(path: pathlib.Path, error: Exception) -> ServingError:
  """Why a version could not be loaded; what no loader foresaw is logged in full."""
  if isinstance(error, ServingError):
    return error
  _log.error('%s could not be loaded', path, exc_info=error)
  return ServingError(Code.INTERNAL, f'{path} could not be loaded: {error}')
