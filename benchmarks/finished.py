"""A finished run, as the table of recipes sees it."""

import dataclasses
import functools
import json
import pathlib
from typing import Any

from benchmarks import trainer
from pipeline.config.run import RunConfig, from_json

_TIMED_STEPS = 16  # one lazy penalty


@dataclasses.dataclass(frozen=True)
class FinishedRun:
  """Figures of a run that went through validation."""

  run_dir: pathlib.Path

  @property
  def is_finished(self) -> bool:
    """Whether there is such a run."""
    return (self.run_dir / 'validate' / 'MANIFEST.json').is_file()

  @functools.cached_property
  def config(self) -> RunConfig:
    """The run's settings."""
    return from_json((self.run_dir / 'run.json').read_text(encoding='utf-8'))

  @functools.cached_property
  def training(self) -> dict[str, Any]:
    """Facts of the training."""
    return _read(self.run_dir / 'train' / 'training.json')

  @functools.cached_property
  def metrics(self) -> dict[str, Any]:
    """What evaluate measured."""
    return _read(self.run_dir / 'evaluate' / 'metrics.json')

  @property
  def judge(self) -> tuple[str, str]:
    """Names of the feature network and of the reference; distances compare if both agree."""
    digest, reference = self.metrics['feature_net']['digest'], self.metrics['reference']['name']
    return digest, reference

  @property
  def frechet_ratio(self) -> float:
    """Frechet distance of the chosen snapshot, in units of the floor."""
    figures = self.metrics['figures']
    return next(value for name, value in figures.items() if name.startswith('frechet_ratio@'))

  @property
  def distances(self) -> dict[int, float]:
    """Frechet distances of all snapshots, by step."""
    return {each['step']: each['frechet_distance'] for each in self.metrics['candidates']}

  @functools.cached_property
  def step_s(self) -> float:
    """Seconds of one step, measured now: a run may have shared its machine with other work."""
    run = trainer.of_finished(
      self.run_dir, self.config.train, self.training['precision'], self.training['xla']
    )
    return trainer.step_seconds(run, _TIMED_STEPS)

  def seconds_to(self, distance: float) -> float | None:
    """Training time until a snapshot was as near as `distance`; None if none was."""
    steps = [step for step, found in self.distances.items() if found <= distance]
    return min(steps) * self.step_s if steps else None


def _read(path: pathlib.Path) -> dict[str, Any]:
  return json.loads(path.read_text(encoding='utf-8'))
