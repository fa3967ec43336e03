"""Where the model came from: time and files of each stage, settings, versions."""

import dataclasses

from pipeline import artifacts
from pipeline.config.flagfile import to_flagfile
from pipeline.config.run import RunConfig
from pipeline.report import facts, numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
  """One finished stage, in words."""

  name: str
  started: str
  duration: str
  share: float  # of the longest stage
  size: str
  num_files: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
  """One line of the flagfile."""

  line: str
  changed: bool  # differs from the default


def stages(run: facts.Run) -> list[Stage]:
  """The stages that finished, in order."""
  durations = _durations_s(run)
  longest_s = max([d for d in durations.values() if d], default=0.0)
  return [_stage(run, stage, durations[stage], longest_s) for stage in run.manifests]


def total_duration(run: facts.Run) -> str:
  """Time of all stages together."""
  known = [d for d in _durations_s(run).values() if d is not None]
  return numbers.duration(sum(known)) if known else ''


def settings(run: facts.Run) -> list[Setting]:
  """The flags of the run, without comments."""
  defaults = to_flagfile(RunConfig(), '').splitlines()
  lines = [line for line in run.flags.splitlines() if line.startswith('--')]
  return [Setting(line=line, changed=line not in defaults) for line in lines]


def versions(run: facts.Run) -> list[tuple[str, str]]:
  """Versions of what the stages ran on; a package that changed on the way shows each."""
  found: dict[str, dict[str, None]] = {}
  for stage, manifest in run.manifests.items():
    with facts.expected_form(run.folders[stage] / artifacts.MANIFEST):
      for name, version in (manifest.get('versions') or {}).items():
        found.setdefault(str(name), {})[str(version)] = None
  return [(name, ', '.join(seen)) for name, seen in found.items()]


def _durations_s(run: facts.Run) -> dict[str, float | None]:
  durations: dict[str, float | None] = {}
  for stage, manifest in run.manifests.items():
    with facts.expected_form(run.folders[stage] / artifacts.MANIFEST):
      value = manifest.get('duration_s')
      durations[stage] = None if value is None else float(value)
  return durations


def _stage(run: facts.Run, stage: str, duration_s: float | None, longest_s: float) -> Stage:
  manifest = run.manifests[stage]
  files = manifest.get('files') or []
  started = numbers.moment(manifest.get('started'))
  with facts.expected_form(run.folders[stage] / artifacts.MANIFEST):
    num_bytes = sum(int(file['bytes']) for file in files)
  return Stage(
    name=stage,
    started=f'{started:%Y-%m-%d %H:%M:%S}' if started else '',
    duration=numbers.duration(duration_s) if duration_s is not None else '',
    share=(duration_s or 0.0) / longest_s if longest_s else 0.0,
    size=numbers.size(num_bytes) if files else '',
    num_files=len(files),
  )
