"""The run folder: one model, and the configuration that led to it."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from pipeline import artifacts, errors
from pipeline.config.flagfile import to_flagfile
from pipeline.config.run import Invocation, RunConfig, from_json, to_json
from pipeline.config.settings import deciding

_LOCK = '.lock'
_FIRST = (_LOCK, '.run.json.partial')  # may be all that a process has left that was killed early
_MODEL_STAGES = ('ingest', 'train')  # these decide the model; the others judge, export or show it


def check(folder: pathlib.Path, run: RunConfig, invocation: Invocation) -> None:
  """Refuses a folder that is not a run's, or whose model was made with other settings.

  Raises:
    ConfigError: the folder holds something else.
    StorageError: it is a file.
    ArtifactError: its run.json can't be read.
  """
  if folder.exists() and not folder.is_dir():
    raise errors.StorageError(f'--run_dir={folder} is a file. Choose another folder.')
  if not folder.is_dir() or all(path.name in _FIRST for path in folder.iterdir()):
    return
  if not (folder / 'run.json').is_file():
    raise errors.ConfigError(
      f'--run_dir={folder} holds files but no run.json, so it is no run of forgeline.'
      ' Choose a new or empty folder.'
    )
  changes = _changes(_read(folder), run) if _has_model(folder) else []
  if changes and invocation.on_config_change == 'refuse':
    raise errors.ConfigError(
      f'--run_dir={folder} holds a model of another configuration ({", ".join(changes)}).'
      ' Choose another --run_dir, or pass --on_config_change=rerun, which keeps the old model under'
      ' superseded/.'
    )


@contextlib.contextmanager
def held(folder: pathlib.Path) -> Iterator[None]:
  """Makes the folder if need be, and holds it for this process.

  Raises:
    StorageError: it can't be made, or another process holds it.
  """
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise errors.StorageError(
      f'--run_dir={folder} can not be made: {error.strerror}. Choose a writable folder.'
    ) from error
  with (folder / _LOCK).open('a') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise errors.StorageError(
        f'{folder} is in use by another run. Wait for it to end, or choose another --run_dir.'
      ) from error
    yield


def record(folder: pathlib.Path, run: RunConfig) -> None:
  """Records the resolved configuration in a folder that is held, as JSON and as a flagfile."""
  artifacts.write_text(folder / 'run.json', to_json(run))
  comment = 'Replays this run: python -m pipeline.run --flagfile=replay.flags'
  artifacts.write_text(folder / 'replay.flags', to_flagfile(run, comment))


def _read(folder: pathlib.Path) -> RunConfig:
  path = folder / 'run.json'
  try:
    return from_json(path.read_text(encoding='utf-8'))
  except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
    raise errors.ArtifactError(
      f'{path} is not a configuration of this version ({error}). Choose another --run_dir.'
    ) from error


def _has_model(folder: pathlib.Path) -> bool:
  return any((folder / name).exists() for name in ('train', '.train.partial'))


def _changes(old: RunConfig, new: RunConfig) -> list[str]:
  changes: list[str] = []
  for stage in _MODEL_STAGES:
    before, after = (deciding(getattr(run, stage)) for run in (old, new))
    changes += [
      f'--{name}={before[name]} there, {value} now'
      for name, value in after.items()
      if before[name] != value
    ]
  return list(dict.fromkeys(changes))
