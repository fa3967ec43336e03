"""The stage engine: plan, cache, resume, atomic commit.

A stage is a plain function from its part of the configuration and finished artifacts to one new
artifact. It writes into a working folder; the engine verifies the inputs, records what decided
the result, makes the folder durable and renames it. A stage whose record would come out the same
is not run again.
"""

import dataclasses
import datetime
import importlib
import importlib.metadata
import pathlib
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline import artifacts, errors, sources
from pipeline.config.run import RunConfig
from pipeline.config.settings import deciding
from pipeline.console import Console

_VERSIONED = ('tensorflow', 'tf_keras', 'apache-beam', 'ai-edge-litert', 'numpy')


def _nothing(_: Any) -> dict[str, str]:
  return {}


def _always_live(_: pathlib.Path) -> bool:
  return True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
  """One step of the line."""

  name: str  # the function, its folder in the run, and its part of RunConfig
  module: str  # where the function lives; imported only when it runs
  inputs: tuple[str, ...] = ()  # stages whose artifacts it reads
  external: Callable[[Any], Mapping[str, str]] = _nothing  # digests of inputs from outside the run
  is_live: Callable[[pathlib.Path], bool] = _always_live  # whether outside effects still stand
  is_resumable: bool = False  # goes on in the working folder of an interrupted try
  runs_after_failure: bool = False  # tells what happened even when an earlier stage failed


@dataclasses.dataclass(frozen=True)
class Step:
  """What the plan says of one stage."""

  stage: Stage
  action: str  # 'run', 'resume', 'cached' or 'leave'
  reason: str


class Line:
  """Stages in order, over one run folder."""

  def __init__(self, stages: Sequence[Stage], run: RunConfig, console: Console) -> None:
    self.stages, self.run, self.console = tuple(stages), run, console
    self.folder = pathlib.Path(run.run_dir).expanduser()

  def select(self, names: str) -> tuple[Stage, ...]:
    """The stages that `--stages` names; all of them if it is empty.

    Raises:
      ConfigError: a name that is no stage.
    """
    wanted = [name.strip() for name in names.split(',') if name.strip()]
    known = [stage.name for stage in self.stages]
    for name in wanted:
      if name not in known:
        raise errors.ConfigError(
          f'--stages={name} is not a stage. Choose from: {", ".join(known)}.'
        )
    return tuple(stage for stage in self.stages if not wanted or stage.name in wanted)

  def plan(self, selected: Sequence[Stage]) -> list[Step]:
    """What would run now and why."""
    steps: list[Step] = []
    for stage in self.stages:
      if stage not in selected:
        steps.append(Step(stage, 'leave', 'not asked for'))
        continue
      rerun = [step.stage.name for step in steps if step.action in ('run', 'resume')]
      new_inputs = [name for name in stage.inputs if name in rerun]
      if new_inputs and not self._resume_waits(stage):
        steps.append(Step(stage, 'run', f'after {", ".join(new_inputs)}'))
      else:
        steps.append(self._step(stage))
    return steps

  def is_done(self, stage: Stage) -> bool:
    """Whether a stage's artifact is there and up to date; its files are not verified."""
    names = (*stage.inputs, stage.name)
    if not all((self.folder / name).is_dir() for name in names):
      return False
    manifest = artifacts.read_manifest(self.folder / stage.name)
    return manifest.fingerprint == self._record(stage)['fingerprint']

  def under_way(self, stage: Stage) -> tuple[dict[str, pathlib.Path], pathlib.Path]:
    """Inputs and working folder of a stage that another process runs and this one takes part in.

    Raises:
      ConfigError: that process has other settings, inputs or source.
    """
    partial = self._partial(stage)
    present = all((self.folder / name).is_dir() for name in stage.inputs)
    if not present or not self._can_resume(stage, self._record(stage)['fingerprint']):
      raise errors.ConfigError(
        f'{partial} is of other settings, data, source or versions than this process has. Give all'
        ' workers the same flags, the same installation and a --run_dir that they share.'
      )
    return self._inputs(stage), partial

  def execute(self, selected: Sequence[Stage]) -> None:
    """Brings every selected stage up to date, in order."""
    failure: Exception | None = None
    for number, stage in enumerate(self.stages, 1):
      if stage not in selected or (failure and not stage.runs_after_failure):
        continue
      try:
        self._bring_up_to_date(number, stage)
      except errors.ValidationError as error:
        failure = failure or error
        self.console.warn(str(error))
    if failure:
      raise failure

  def _bring_up_to_date(self, number: int, stage: Stage) -> None:
    step = self._step(stage)
    title = f'[{number}/{len(self.stages)}] {stage.name}'
    if step.action == 'cached':
      self.console.heading(f'{title}: cached')
      return
    self.console.heading(f'{title}: {step.reason}')
    started, start_s = datetime.datetime.now(datetime.UTC), time.monotonic()
    record = self._record(stage)
    partial = self._working_folder(stage, record['fingerprint'])
    function = getattr(importlib.import_module(stage.module), stage.name)
    inputs = self._inputs(stage)
    function(getattr(self.run, stage.name), inputs, partial, self.console)
    self._supersede(self.folder / stage.name)
    manifest = artifacts.Manifest(
      stage=stage.name,
      **record,
      started=started.isoformat(timespec='seconds'),
      duration_s=round(time.monotonic() - start_s, 3),
      files=artifacts.list_files(partial),
    )
    artifacts.commit(partial, self.folder / stage.name, manifest)
    self._resume_key(stage).unlink(missing_ok=True)  # last: until then an interrupted try goes on
    self.console.log(f'{stage.name} took {manifest.duration_s:.1f} s')

  def _step(self, stage: Stage) -> Step:
    """Compares what is there with what would be made."""
    final = self.folder / stage.name
    missing = [name for name in stage.inputs if not (self.folder / name).is_dir()]
    if missing and not stage.runs_after_failure:
      raise errors.ConfigError(
        f'{self.folder / missing[0]} is missing, which {stage.name} needs.'
        f' Add {missing[0]} to --stages.'
      )
    record = self._record(stage)
    if final.is_dir():
      manifest = artifacts.verify(final)
      if manifest.fingerprint != record['fingerprint']:
        return Step(stage, 'run', _what_changed(manifest, record))
      if stage.is_live(final):
        return Step(stage, 'cached', 'nothing changed')
      return Step(stage, 'run', 'what it made outside the run folder is gone')
    if self._can_resume(stage, record['fingerprint']):
      return Step(stage, 'resume', 'goes on where it stopped')
    return Step(stage, 'run', 'not done yet')

  def _resume_waits(self, stage: Stage) -> bool:
    """Whether an interrupted try waits and all inputs are there to compare it with."""
    present = all((self.folder / name).is_dir() for name in stage.inputs)
    return stage.is_resumable and present and self._partial(stage).is_dir()

  def _inputs(self, stage: Stage) -> dict[str, pathlib.Path]:
    folders = {name: self.folder / name for name in stage.inputs}
    return {name: folder for name, folder in folders.items() if folder.is_dir()}

  def _record(self, stage: Stage) -> dict[str, Any]:
    """All that decides the stage's result."""
    stage_config = getattr(self.run, stage.name)
    record: dict[str, Any] = {
      'config': deciding(stage_config),
      'inputs': {
        name: artifacts.read_manifest(folder).digest for name, folder in self._inputs(stage).items()
      }
      | dict(stage.external(stage_config)),
      'source': sources.source_digest(stage.module),
      'versions': {'python': platform.python_version()}
      | {name: importlib.metadata.version(name) for name in _VERSIONED},
    }
    return record | {'fingerprint': artifacts.digest_of(record)}

  def _partial(self, stage: Stage) -> pathlib.Path:
    return self.folder / f'.{stage.name}.partial'

  def _resume_key(self, stage: Stage) -> pathlib.Path:
    """The file with the fingerprint of a resumable stage's working folder, as long as there is one.

    It is beside that folder, which is hashed and renamed as it stands.
    """
    return self.folder / f'.{stage.name}.fingerprint'

  def _can_resume(self, stage: Stage, fingerprint: str) -> bool:
    """Whether an interrupted try waits that would make the same."""
    key = self._resume_key(stage)
    is_there = self._partial(stage).is_dir() and key.is_file()
    return is_there and key.read_text(encoding='utf-8') == fingerprint

  def _working_folder(self, stage: Stage, fingerprint: str) -> pathlib.Path:
    """The folder to write in: an interrupted try's, if it can go on, or an empty one."""
    partial = self._partial(stage)
    if partial.is_dir() and not self._can_resume(stage, fingerprint):
      if stage.is_resumable:
        self._supersede(partial)
      else:
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    if stage.is_resumable:
      artifacts.write_text(self._resume_key(stage), fingerprint)
    return partial

  def _supersede(self, folder: pathlib.Path) -> None:
    """Moves a folder that something newer replaces out of the way; nothing is deleted."""
    if not folder.is_dir():
      return
    archive = self.folder / 'superseded'
    archive.mkdir(exist_ok=True)
    stem = folder.name.strip('.').removesuffix('.partial')
    numbers = (path.name.rpartition('-')[2] for path in archive.glob(f'{stem}-*'))
    last = max((int(number) for number in numbers if number.isdecimal()), default=0)
    folder.rename(archive / f'{stem}-{last + 1}')


def _what_changed(manifest: artifacts.Manifest, record: Mapping[str, Any]) -> str:
  """Why an artifact is out of date, in a few words."""
  reasons = [
    f'--{name}: {manifest.config.get(name)} → {value}'
    for name, value in record['config'].items()
    if manifest.config.get(name) != value
  ]
  reasons += [
    f'{name} changed'
    for name, digest in record['inputs'].items()
    if manifest.inputs.get(name) != digest
  ]
  if manifest.source != record['source']:
    reasons.append('its source changed')
  reasons += [
    f'{name} {manifest.versions.get(name)} → {version}'
    for name, version in record['versions'].items()
    if manifest.versions.get(name) != version
  ]
  return ', '.join(reasons) or 'its inputs changed'
