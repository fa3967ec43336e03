"""The evaluate stage: chooses the best snapshot, measures it and holds it against the gate.

The snapshot is chosen by the Fréchet distance of fewer images from other seeds than the report's,
so that the reported figures aren't flattered by the choice.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import dataset, errors, generator, pictures
from pipeline.config.evaluate import EvaluateConfig
from pipeline.console import Console
from pipeline.evaluate import classes, figures, frechet, judging
from pipeline.evaluate.feature_net import FeatureNet
from pipeline.evaluate.making import Purpose, make_pixels, seeds_for
from pipeline.evaluate.reference import Reals
from pipeline.networks import ModelSpec

FEATURE_NET_FILE = 'feature_net.npz'  # in the artifact: later stages judge through the same network
REFERENCE_FILE = 'reference.npz'
_SAMPLE_COLUMNS, _MAX_SAMPLE_ROWS = 10, 20


def evaluate(
  config: EvaluateConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
) -> None:
  """Writes metrics.json, samples.png, feature_net.npz and reference.npz.

  Args:
    config: how to judge.
    inputs: folders of the artifacts 'ingest' and 'train'.
    output: folder to write to.
    console: shows progress.

  Raises:
    ConfigError: a gate or reference that the data doesn't allow.
    DataError: too few images to judge by.
    ArtifactError: no snapshot, or one that makes pixels that are not finite.
  """
  judge = _judge(config, inputs, console)
  candidates = _select(judge, _snapshots(inputs['train']))
  best = min(candidates, key=lambda candidate: candidate.frechet_distance)
  console.log(f'best snapshot step={best.step} frechet_distance={best.frechet_distance:.4g}')
  source = generator.load_generator(judge.train_dir, best.snapshot)
  metrics = _report(judge, source) | {
    'step': best.step,
    'snapshot': best.snapshot,
    'candidates': [{'step': c.step, 'frechet_distance': c.frechet_distance} for c in candidates],
  }
  _warn_of_gate(metrics['gate'], console)
  judge.feature_net.save(output / FEATURE_NET_FILE)
  judge.reals.reference.save(output / REFERENCE_FILE)
  _save_samples(output / 'samples.png', source, config.seed)
  text = json.dumps(metrics, indent=2, allow_nan=False) + '\n'
  (output / 'metrics.json').write_text(text, encoding='utf-8')


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Judge:
  """What stays the same for all snapshots."""

  config: EvaluateConfig
  train_dir: pathlib.Path
  feature_net: FeatureNet
  reals: Reals
  class_counts: tuple[int, ...] | None  # None for a generator without labels
  console: Console

  def labels(self, count: int) -> np.ndarray | None:
    """Labels to ask for, in the proportions of the training data."""
    if self.class_counts is None:
      return None
    return classes.labels_in_proportion(np.array(self.class_counts), count, self.config.seed)


@dataclasses.dataclass(frozen=True)
class _Candidate:
  step: int
  snapshot: str
  frechet_distance: float


def _judge(config: EvaluateConfig, inputs: Mapping[str, pathlib.Path], console: Console) -> _Judge:
  info = dataset.load_info(inputs['ingest'])
  spec = ModelSpec.load(inputs['train'] / 'model.json')
  _check_gate(config, spec)
  images, labels = dataset.load_split(inputs['ingest'], 'train')
  feature_net = judging.feature_net_for(config, info, images, labels, console)
  return _Judge(
    config=config,
    train_dir=inputs['train'],
    feature_net=feature_net,
    reals=judging.reals_for(config, inputs['ingest'], feature_net, images, console),
    class_counts=info.splits['train'].class_counts if spec.is_conditional else None,
    console=console,
  )


def _select(judge: _Judge, snapshots: Sequence[str]) -> list[_Candidate]:
  """The Fréchet distance of each snapshot."""
  count = judge.config.num_selection_images
  seeds = seeds_for(Purpose.SELECTION, judge.config.seed, count)
  labels = judge.labels(count)
  candidates: list[_Candidate] = []
  total = len(snapshots) * count
  with judge.console.progress('choose a snapshot', total, 'images') as progress:
    for snapshot in snapshots:
      source = generator.load_generator(judge.train_dir, snapshot)
      features = judge.feature_net.features(make_pixels(source, seeds, labels))
      distance = frechet.frechet_distance(
        judge.reals.reference.gaussian, frechet.gaussian(features)
      )
      candidates.append(_Candidate(_step(snapshot), snapshot, distance))
      progress.update(len(candidates) * count, step=candidates[-1].step, frechet_distance=distance)
  return candidates


def _report(judge: _Judge, source: generator.Generator) -> dict[str, Any]:
  """The part of metrics.json that one snapshot's images decide."""
  count, feature_net, reference = (
    judge.config.num_eval_images,
    judge.feature_net,
    judge.reals.reference,
  )
  labels = judge.labels(count)
  seeds = seeds_for(Purpose.REPORT, judge.config.seed, count)
  with judge.console.progress('judge', 2 * count, 'images') as progress:
    pixels = make_pixels(source, seeds, labels, progress.update)
    fake = feature_net.read(pixels, lambda read: progress.update(count + read))
  values = figures.judge(feature_net, judge.reals, fake, labels)
  return {
    'feature_net': {
      'name': feature_net.name,
      'digest': feature_net.digest,
      'accuracy': feature_net.accuracy,
    },
    'reference': {'name': reference.name, 'num_images': reference.num_images},
    'num_images': count,
    'num_floor_images': min(count, len(judge.reals.floor.features)),
    'figures': values,
    'class_histogram': _histogram(judge, fake.probabilities, labels),
    'gate': _gate(judge.config, values, feature_net.tag),
  }


def _histogram(
  judge: _Judge, probabilities: np.ndarray, asked: np.ndarray | None
) -> dict[str, list[int]]:
  """Images of each class, as asked and as read; without what isn't known."""
  histogram = {}
  if asked is not None and judge.class_counts is not None:
    histogram['asked'] = classes.class_counts(asked, len(judge.class_counts)).tolist()
  if judge.feature_net.reads_labels:
    read = probabilities.argmax(axis=1)
    histogram['read'] = classes.class_counts(read, probabilities.shape[1]).tolist()
  return histogram


def _check_gate(config: EvaluateConfig, spec: ModelSpec) -> None:
  if config.min_label_agreement > 0 and spec.num_classes < 2:
    raise errors.ConfigError(
      f'--min_label_agreement={config.min_label_agreement} (EvaluateConfig) needs a generator of'
      f' two classes or more; {spec.network} was trained with {spec.num_classes}.'
      ' Set it to 0, and use --max_frechet_ratio.'
    )


def _gate(config: EvaluateConfig, values: Mapping[str, float], tag: str) -> list[dict[str, Any]]:
  """A row for each threshold that is on."""
  rows = []
  for stem, limit, direction in (
    ('label_agreement', config.min_label_agreement, 'min'),
    ('frechet_ratio', config.max_frechet_ratio, 'max'),
  ):
    if limit > 0:
      figure = f'{stem}@{tag}'
      value = values[figure]
      passed = value >= limit if direction == 'min' else value <= limit
      rows.append(
        {
          'figure': figure,
          'value': value,
          'limit': limit,
          'direction': direction,
          'passed': passed,
        }
      )
  return rows


def _warn_of_gate(gate: Sequence[Mapping[str, Any]], console: Console) -> None:
  for row in gate:
    if not row['passed']:
      relation = 'below' if row['direction'] == 'min' else 'above'
      console.warn(f'{row["figure"]}={row["value"]:.4g} is {relation} the gate of {row["limit"]}')


def _save_samples(path: pathlib.Path, source: generator.Generator, seed: int) -> None:
  """A row for each class; ten rows of anything for a generator without labels."""
  rows = min(source.spec.num_classes, _MAX_SAMPLE_ROWS) or 10
  labels = np.repeat(np.arange(rows), _SAMPLE_COLUMNS) if source.spec.is_conditional else None
  seeds = seeds_for(Purpose.SAMPLES, seed, rows * _SAMPLE_COLUMNS)
  pictures.save_grid(path, make_pixels(source, seeds, labels), _SAMPLE_COLUMNS)


def _snapshots(train_dir: pathlib.Path) -> list[str]:
  """Snapshots of a train artifact, relative to it, by step."""
  found = (train_dir / 'snapshots').glob('step-*.npz')
  names = sorted((path.relative_to(train_dir).as_posix() for path in found), key=_step)
  if not names:
    raise errors.ArtifactError(
      f'{train_dir} holds no snapshots (evaluate). Run the train stage again.'
    )
  return names


def _step(snapshot: str) -> int:
  return int(pathlib.PurePosixPath(snapshot).stem.removeprefix('step-'))
