"""Reads what the stages of a run left; anything damaged is an `ArtifactError` of one line."""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import artifacts, errors
from pipeline.config.flagfile import as_flag

Facts = dict[str, Any]

_FILES = {  # the JSON object that each stage is known by
  'ingest': 'dataset.json',
  'evaluate': 'metrics.json',
  'golden': 'golden.json',
  'validate': 'validation.json',
  'push': 'pushed.json',
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
  """Everything the report tells, as the stages wrote it; what is missing is empty."""

  folders: Mapping[str, pathlib.Path]  # by stage, only those that finished
  outdated: tuple[str, ...]  # stages whose artifacts were made from others than these; left out
  manifests: Mapping[str, Facts]  # by stage
  dataset: Facts
  model: Facts
  training: Facts
  records: list[Facts]  # of metrics.jsonl, one for each step, in order
  rollbacks: list[Facts]  # of rollbacks.jsonl, in order
  metrics: Facts
  golden: Facts
  validation: Facts
  pushed: Facts
  flags: str  # the flagfile that replays the run

  @property
  def class_names(self) -> list[str]:
    """Names of the classes; empty for an unconditional model."""
    named = self.model if self.model else self.dataset
    return [str(name) for name in named.get('class_names', [])] if named.get('num_classes') else []

  def file(self, stage: str) -> pathlib.Path:
    """The file of a stage that the report reads first, there or not."""
    name = _FILES.get(stage, artifacts.MANIFEST)
    return self.folders.get(stage, pathlib.Path(stage)) / name

  def setting(self, name: str, default: str = '') -> str:
    """The value of a flag of the run; the last one counts."""
    values = [
      line.partition('=')[2] for line in self.flags.splitlines() if line.startswith(f'--{name}=')
    ]
    return values[-1] if values else default


def read_run(inputs: Mapping[str, pathlib.Path]) -> Run:
  """Reads the artifacts of a run.

  Args:
    inputs: stage name -> folder of its finished artifact; late stages may be absent. One that an
      earlier model left, because the run failed before it was made anew, counts as absent.

  Raises:
    ArtifactError: a file that an artifact must hold is missing or damaged.
  """
  manifests = {stage: _read_manifest(folder) for stage, folder in inputs.items()}
  outdated = _outdated(inputs, manifests)
  inputs = {stage: folder for stage, folder in inputs.items() if stage not in outdated}
  manifests = {stage: manifests[stage] for stage in inputs}
  facts = {stage: read_json(inputs[stage] / _FILES[stage]) for stage in _FILES if stage in inputs}
  train = inputs.get('train')
  return Run(
    folders=inputs,
    outdated=outdated,
    manifests=manifests,
    dataset=facts.get('ingest', {}),
    model=read_json(train / 'model.json') if train else {},
    training=read_json(train / 'training.json') if train else {},
    records=_read_records(train / 'metrics.jsonl') if train else [],
    rollbacks=_read_lines(train / 'rollbacks.jsonl') if train else [],
    metrics=facts.get('evaluate', {}),
    golden=facts.get('golden', {}),
    validation=facts.get('validate', {}),
    pushed=facts.get('push', {}),
    flags=_read_flags(inputs, manifests),
  )


def read_bytes(path: pathlib.Path) -> bytes:
  """The content of a file.

  Raises:
    ArtifactError: it can't be read.
  """
  try:
    return path.read_bytes()
  except OSError as error:
    raise damaged(path, f'can not be read: {error.strerror}') from error


def read_json(path: pathlib.Path) -> Facts:
  """The JSON object in a file.

  Raises:
    ArtifactError: it can't be read, is no JSON, or is no object, or an empty one.
  """
  facts = _parse(read_bytes(path), path, '')
  if not facts:
    raise damaged(path, 'tells nothing')
  return facts


@contextlib.contextmanager
def expected_form(path: pathlib.Path) -> Iterator[None]:
  """Turns a stumble over facts of unexpected form into an `ArtifactError` that names their file."""
  try:
    yield
  except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
    problem = ' '.join(f'{type(error).__name__}: {error}'.split())
    raise damaged(path, f'does not have the form that the report reads, {problem}') from error


def damaged(path: pathlib.Path, problem: str) -> errors.ArtifactError:
  """The error for a file of an artifact."""
  return errors.ArtifactError(
    f'{path} {problem} (report). Move the artifact away and run the same command again to make it'
    ' anew.'
  )


def _parse(data: bytes, path: pathlib.Path, where: str) -> Facts:
  try:
    facts = json.loads(data)
  except ValueError as error:
    raise damaged(path, f'is not valid JSON{where}: {error}') from error
  except RecursionError as error:
    raise damaged(path, f'is not valid JSON{where}: nested too deep') from error
  if not isinstance(facts, dict):
    raise damaged(path, f'holds a {type(facts).__name__}{where} where an object is needed')
  return facts


def _read_manifest(folder: pathlib.Path) -> Facts:
  path = folder / artifacts.MANIFEST
  return _parse(read_bytes(path), path, '') if path.exists() else {}


def _outdated(
  inputs: Mapping[str, pathlib.Path], manifests: Mapping[str, Facts]
) -> tuple[str, ...]:
  """Stages that name inputs of other contents than the artifacts that are there, in order."""
  digests = {
    stage: artifacts.digest_of(manifest['files'])
    for stage, manifest in manifests.items()
    if 'files' in manifest
  }
  outdated: list[str] = []
  for stage, manifest in manifests.items():
    named = manifest.get('inputs') or {}
    with expected_form(inputs[stage] / artifacts.MANIFEST):
      changed = any(named[name] != digests[name] for name in named if name in digests)
      if changed or any(name in outdated for name in named):
        outdated.append(stage)
  return tuple(outdated)


def _read_records(path: pathlib.Path) -> list[Facts]:
  """The last record of each step: a resumed run may have logged a step twice."""
  with expected_form(path):
    by_step = {int(record['step']): record for record in _parse_lines(read_bytes(path), path)}
  return [by_step[step] for step in sorted(by_step)]


def _read_lines(path: pathlib.Path) -> list[Facts]:
  """The objects of a JSON lines file; none if there is no file."""
  return _parse_lines(read_bytes(path), path) if path.exists() else []


def _parse_lines(data: bytes, path: pathlib.Path) -> list[Facts]:
  return [
    _parse(line, path, f' in line {number}')
    for number, line in enumerate(data.splitlines(), start=1)
    if line.strip()
  ]


def _read_flags(inputs: Mapping[str, pathlib.Path], manifests: Mapping[str, Facts]) -> str:
  """The run's own flagfile, or else the settings that the manifests remember."""
  for folder in inputs.values():
    path = folder.parent / 'replay.flags'
    if path.exists():
      return read_bytes(path).decode('utf-8', 'replace')
  settings: Facts = {}
  for stage, manifest in manifests.items():
    with expected_form(inputs[stage] / artifacts.MANIFEST):
      settings |= manifest.get('config') or {}
  return ''.join(f'--{name}={as_flag(value)}\n' for name, value in settings.items())
