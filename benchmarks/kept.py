"""What the table of recipes keeps of a finished run; the run itself need not be kept."""

import dataclasses
import json
import pathlib
import sys
from typing import Any

import numpy as np

from benchmarks import generated
from benchmarks.finished import FinishedRun
from benchmarks.independent_judge import IndependentJudge
from pipeline import pictures
from pipeline.config.run import RunConfig
from pipeline.ingest import pixels
from pipeline.networks import ModelSpec

_NUM_IMAGES = 10_000
_NUM_SHOWN, _COLUMNS = 20, 10
_FREE = ('train_steps', 'snapshot_every_steps', 'checkpoint_every_s')  # a shorter run has its own


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
  """Figures that no machine's speed decides. The last three are those of digits alone."""

  steps: int
  xla: bool  # whether training took it
  model: dict[str, Any]  # fields of `spec`
  judge: str  # feature network and reference: distances compare where they are the same
  frechet_ratio: float  # of the chosen snapshot, in units of the floor
  distances: dict[str, float]  # Frechet distances of all snapshots, by step
  read: float | None = None  # share that the independent classifier is sure of
  agree: float | None = None  # share read as asked; None without labels
  rarest: float | None = None  # share of the rarest class read

  @classmethod
  def load(cls, path: pathlib.Path) -> 'Kept':
    """Reads what `save` wrote."""
    return cls(**json.loads(path.read_text(encoding='utf-8')))

  def save(self, path: pathlib.Path) -> None:
    """Writes JSON."""
    path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + '\n', encoding='utf-8')

  @property
  def spec(self) -> ModelSpec:
    """Of the networks."""
    return ModelSpec.of(self.model)

  def steps_to(self, distance: float) -> int | None:
    """Steps of the first snapshot that was as near as `distance`; None if none was."""
    return min((int(s) for s, found in self.distances.items() if found <= distance), default=None)


def judge(
  run: FinishedRun, recipe: RunConfig, reader: IndependentJudge, picture: pathlib.Path
) -> Kept:
  """Makes images with a run's SavedModel and judges them.

  Args:
    run: finished.
    recipe: what its flagfile says now; a run of other settings ends the program.
    reader: classifier of digits.
    picture: file for some of the images.
  """
  _check_same(run, recipe)
  labels = np.arange(_NUM_IMAGES) % 10
  made = generated.images(run.run_dir, labels)
  pictures.save_grid(picture, made[:_NUM_SHOWN], _COLUMNS)
  return Kept(
    steps=run.training['steps'],
    xla=run.training['xla'],
    model=run.model,
    judge=run.judge,
    frechet_ratio=run.frechet_ratio,
    distances=run.distances,
    **(_readings(made, labels, reader, run.is_conditional) if made.shape[-1] == 1 else {}),
  )


def _check_same(run: FinishedRun, recipe: RunConfig) -> None:
  now, then = (dataclasses.asdict(config.train) for config in (recipe, run.config))
  if other := [name for name in now if now[name] != then[name] and name not in _FREE]:
    sys.exit(f'{run.run_dir} ran with another --{other[0]} than the recipe has. Run it again.')


def _readings(
  made: np.ndarray, labels: np.ndarray, reader: IndependentJudge, is_conditional: bool
) -> dict[str, float | None]:
  probabilities = reader.probabilities(pixels.fit_grey(made[..., 0], 28, 1))
  read = probabilities.argmax(axis=1)
  return {
    'read': float(np.mean(probabilities.max(axis=1) > 0.9)),
    'agree': float(np.mean(read == labels)) if is_conditional else None,
    'rarest': float(np.bincount(read, minlength=10).min() / len(read)),
  }
