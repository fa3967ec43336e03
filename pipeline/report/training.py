"""How the training went: its curves, its facts, and pictures from each snapshot."""

import dataclasses
import math
import pathlib

import numpy as np

from pipeline.report import charts, facts, inline_pictures, numbers

_MAX_FRAMES = 12
_FRAME_BYTES = 90_000
_CURVES: tuple[tuple[str, dict[str, str], bool], ...] = (
  (
    'Losses',
    {
      'generator': 'generator_loss',
      'discriminator': 'discriminator_loss',
      'wrong labels': 'mismatch_loss',
    },
    False,
  ),
  ('Logits', {'real': 'real_logit', 'generated': 'fake_logit'}, False),
  (
    'Gradient penalties',
    {
      'R1, real': 'r1_penalty',
      'R2, generated': 'r2_penalty',
      'WGAN-GP, between': 'wgan_gp_penalty',
      'DRAGAN, around real': 'dragan_penalty',
    },
    True,
  ),
  ('Classification', {'cross-entropy': 'auxiliary_loss'}, True),
  ('Consistency', {'squared change of the logit': 'consistency_loss'}, True),
  ('Mode seeking', {'similarity': 'similarity_loss'}, True),
  ('Probability of augmentation', {'probability': 'augment_probability'}, False),
  (
    'Learning rate',
    {'generator': 'generator_learning_rate', 'discriminator': 'discriminator_learning_rate'},
    False,
  ),
  (
    'Diversity, real images = 1',
    {'spread': 'spread_ratio', 'classes read': 'class_entropy_ratio'},
    False,
  ),
  ('Steps per second', {'speed': 'steps_per_s'}, False),
)
_FROM_ZERO = (
  'Probability of augmentation',
  'Learning rate',
  'Diversity, real images = 1',
  'Steps per second',
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame:
  """The sample grid of one snapshot."""

  step: int
  distance: str  # empty if it was no candidate
  chosen: bool
  picture: inline_pictures.Picture


def curves(run: facts.Run) -> list[charts.Chart]:
  """The charts of a run; what was not logged has none."""
  found = [_distance_chart(run), *(_chart(run, *curve) for curve in _CURVES)]
  return [chart for chart in found if chart]


def warnings(run: facts.Run) -> list[str]:
  """What the curves alone don't tell: collapses, and returns to earlier steps."""
  collapsed = [str(record['warning']) for record in run.records if 'warning' in record]
  lines = []
  if collapsed:
    checks = 'one check' if len(collapsed) == 1 else f'{len(collapsed)} checks'
    lines.append(f'The generator had collapsed at {checks}; {collapsed[-1]}')
  lines += [
    f'At step {numbers.number(int(each["step"]))} {_reason(each)}; training went back, and on with'
    ' half the learning rates'
    for each in run.rollbacks
  ]
  return lines


def _reason(rollback: facts.Facts) -> str:
  if 'collapsed' in rollback:
    ratios = (f'{name}={float(value):.3g}' for name, value in rollback['collapsed'].items())
    return f'the generator had collapsed ({", ".join(ratios)})'
  names = rollback['not_finite']
  more = f' and {len(names) - 1} more' if len(names) > 1 else ''
  return f'{names[0]}{more} was not finite'


def told(run: facts.Run) -> list[tuple[str, str]]:
  """What training.json tells, in words."""
  training = run.training
  devices = ', '.join(str(name) for name in training.get('device_names', []))
  lines = {
    'Duration': numbers.duration(training['seconds']) if 'seconds' in training else '',
    'Precision': _with_reason(training.get('precision'), training.get('precision_reason')),
    'XLA': _with_reason(training.get('xla'), training.get('xla_reason')),
    'Devices': f'{training["num_replicas"]} ({devices})' if 'num_replicas' in training else devices,
    'Waiting for input': numbers.share(training['input_wait_share'])
    if training.get('input_wait_share') is not None
    else '',
    'Peak memory': numbers.size(training['peak_memory_mib'] * 2**20)
    if training.get('peak_memory_mib')
    else '',
  }
  return [(name, text) for name, text in lines.items() if text]


def frames(run: facts.Run) -> tuple[list[Frame], int]:
  """Sample grids in order of step, at most a dozen, and how many there are in all."""
  paths = _sample_paths(run)
  chosen_step = run.metrics.get('step')
  distances = _distances(run)
  kept = _spread(sorted(paths), chosen_step)
  return [
    _frame(step, paths[step], distances.get(step), step == chosen_step) for step in kept
  ], len(paths)


def latest_samples(run: facts.Run) -> np.ndarray | None:
  """The sample grid of the chosen snapshot, or else the last one: uint8 [H, W, C]."""
  paths = _sample_paths(run)
  if not paths:
    return None
  step = run.metrics.get('step')
  return inline_pictures.read(paths[step] if step in paths else paths[max(paths)])


def _chart(
  run: facts.Run, title: str, names: dict[str, str], may_be_log: bool
) -> charts.Chart | None:
  series = [
    charts.Series(name=name, points=_points(run.records, key)) for name, key in names.items()
  ]
  series = [s for i, s in enumerate(series) if s.points not in [r.points for r in series[:i]]]
  if len(series) == 1 and len(names) > 1 and title == 'Learning rate':
    series = [charts.Series(name='both networks', points=series[0].points)]
  from_zero = title in _FROM_ZERO
  return charts.line_chart(title, series, may_be_log=may_be_log, from_zero=from_zero)


def _distance_chart(run: facts.Run) -> charts.Chart | None:
  distances, step = _distances(run), run.metrics.get('step')
  mark = (float(step), distances[step]) if step in distances else None
  images = run.setting('num_selection_images')
  return charts.line_chart(
    'Fréchet distance by snapshot',
    [charts.Series(name='distance', points=[(float(s), d) for s, d in sorted(distances.items())])],
    note=f'{numbers.number(int(images))} images each' if images.isdigit() else '',
    may_be_log=True,
    show_dots=True,
    mark=mark,
    mark_label=f'step {numbers.number(mark[0])}, {numbers.number(mark[1])}' if mark else '',
  )


def _points(records: list[facts.Facts], key: str) -> list[charts.Point]:
  return [
    (float(record['step']), math.nan if record[key] is None else float(record[key]))
    for record in records
    if key in record
  ]


def _distances(run: facts.Run) -> dict[int, float]:
  return {int(c['step']): float(c['frechet_distance']) for c in run.metrics.get('candidates', [])}


def _with_reason(choice: object, reason: object) -> str:
  text = '' if choice is None else {'True': 'on', 'False': 'off'}.get(str(choice), str(choice))
  return f'{text}: {reason}' if text and reason else text


def _sample_paths(run: facts.Run) -> dict[int, pathlib.Path]:
  """Sample grids by step."""
  if 'train' not in run.folders:
    return {}
  paths = (run.folders['train'] / 'samples').glob('step-*.png')
  return {int(path.stem.removeprefix('step-')): path for path in paths}


def _spread(steps: list[int], chosen: int | None) -> list[int]:
  """At most `_MAX_FRAMES` steps, evenly spread, with the first, the last and the chosen one."""
  if len(steps) <= _MAX_FRAMES:
    return steps
  places = np.linspace(0, len(steps) - 1, _MAX_FRAMES - 1).round().astype(int)
  kept = {steps[place] for place in places} | ({chosen} & set(steps))
  return sorted(step for step in kept if step is not None)


def _frame(step: int, path: pathlib.Path, distance: float | None, chosen: bool) -> Frame:
  return Frame(
    step=step,
    distance='' if distance is None else numbers.number(distance),
    chosen=chosen,
    picture=inline_pictures.embed(inline_pictures.read(path), _FRAME_BYTES),
  )
