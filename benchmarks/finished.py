"""A finished run, as the benchmarks see it."""

import dataclasses
import functools
import json
import pathlib
from typing import Any

from pipeline.config.run import RunConfig, from_json


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
  def judge(self) -> str:
    """Names of the feature network and of the reference; distances compare if both agree."""
    return f'{self.metrics["feature_net"]["digest"]} {self.metrics["reference"]["name"]}'

  @property
  def frechet_ratio(self) -> float:
    """Frechet distance of the chosen snapshot, in units of the floor."""
    figures = self.metrics['figures']
    return next(value for name, value in figures.items() if name.startswith('frechet_ratio@'))

  @property
  def distances(self) -> dict[str, float]:
    """Frechet distances of all snapshots, by step."""
    return {str(each['step']): each['frechet_distance'] for each in self.metrics['candidates']}

  @property
  def is_conditional(self) -> bool:
    """Whether labels were asked for."""
    return 'asked' in self.metrics['class_histogram']

  @functools.cached_property
  def model(self) -> dict[str, Any]:
    """The networks' ModelSpec, field by field."""
    return _read(self.run_dir / 'train' / 'model.json')


def _read(path: pathlib.Path) -> dict[str, Any]:
  return json.loads(path.read_text(encoding='utf-8'))
