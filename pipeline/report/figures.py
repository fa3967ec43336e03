"""The figures of the evaluation, each beside its real-against-real floor and its gate."""

import dataclasses
from collections.abc import Callable

from pipeline.report import facts, numbers

_MAX_CLASSES = 24  # more would hide the ones that matter


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Kind:
  label: str
  meaning: str
  write: Callable[[float], str] = numbers.number
  real: float | None = None  # what real images have by definition


_KINDS = {
  'frechet_distance': _Kind(
    label='Fréchet distance',
    meaning='Between the feature statistics of generated and real images. Lower is better.',
  ),
  'frechet_ratio': _Kind(
    label='Fréchet distance ÷ floor',
    meaning='1 would be as close as real images are to real images. Lower is better.',
    real=1,
  ),
  'kid': _Kind(
    label='Kernel distance (KID)',
    meaning='As above, without bias in the number of images. Lower is better.',
  ),
  'coverage': _Kind(
    label='Coverage',
    meaning='Share of real images that have a generated one nearby. Higher is better.',
    write=numbers.share,
  ),
  'density': _Kind(
    label='Density',
    meaning='Generated images in the midst of real ones. About 1 is as typical as real images.',
  ),
  'label_agreement': _Kind(
    label='Label agreement',
    meaning='Share of images that the judge reads as asked. Higher is better.',
    write=numbers.share,
  ),
  'confident_share': _Kind(
    label='Confident share',
    meaning='Share of images that the judge reads with a probability above 0.9.',
    write=numbers.share,
  ),
  'class_entropy': _Kind(
    label='Class entropy',
    meaning='Of the classes read, in nats. The logarithm of their number if all are as frequent.',
  ),
  'nearest_train_ratio': _Kind(
    label='Nearest-neighbour ratio',
    meaning='Distance to the nearest training image against that of real images.'
    ' Well under 1 would mean copying.',
    real=1,
  ),
  'train_copy_share': _Kind(
    label='Share of training copies',
    meaning='Images nearer to a training image than 99 % of the real ones are.',
    write=numbers.share,
    real=0.01,
  ),
  'duplicate_share': _Kind(
    label='Share of duplicates',
    meaning='Images nearer to another generated one than 99 % of the real ones are to each other.',
    write=numbers.share,
    real=0.01,
  ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
  """One line of the table of figures, in words."""

  label: str
  meaning: str
  value: str
  floor: str
  limit: str
  passed: bool | None  # None: there is no limit


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassRow:
  """How often one class was asked for and read."""

  name: str
  asked: int | None  # None: the model is unconditional
  read: int
  asked_share: float  # of the largest count in the table
  read_share: float

  @property
  def difference(self) -> str:
    """Read minus asked, signed."""
    gap = self.read - (self.asked or 0)
    return f'{"+" if gap > 0 else ""}{numbers.number(gap)}'


def by_base_name(metrics: facts.Facts) -> dict[str, float]:
  """The figures without the hash of the feature net."""
  measured = {gate['figure']: gate['value'] for gate in metrics.get('gate', [])}
  measured |= metrics.get('figures', {})
  return {name.partition('@')[0]: float(value) for name, value in measured.items()}


def label(name: str) -> str:
  """What a figure is called in the report."""
  base = name.partition('@')[0]
  return _KINDS[base].label if base in _KINDS else base.replace('_', ' ').capitalize()


def write(name: str, value: float) -> str:
  """A figure's value as its kind is written."""
  kind = _KINDS.get(name.partition('@')[0])
  return kind.write(value) if kind else numbers.number(value)


def limit(gate: facts.Facts) -> str:
  """The limit of a gate in words."""
  bound = 'at least' if gate['direction'] == 'min' else 'at most'
  return f'{bound} {write(gate["figure"], float(gate["limit"]))}'


def rows(metrics: facts.Facts) -> list[Row]:
  """The table of figures: known ones first, then whatever else was measured or gated."""
  figures = by_base_name(metrics)
  gates = {gate['figure'].partition('@')[0]: gate for gate in metrics.get('gate', [])}
  floors = {_floor_name(name) for name in figures}
  others = [name for name in figures if name not in _KINDS and name not in floors]
  known = [name for name in _KINDS if name in figures]
  return [_row(name, figures, gates.get(name)) for name in [*known, *others]]


def _row(name: str, figures: dict[str, float], gate: facts.Facts | None) -> Row:
  kind = _KINDS.get(name, _Kind(label=label(name), meaning=''))
  floor = figures.get(_floor_name(name), kind.real)
  return Row(
    label=kind.label,
    meaning=kind.meaning,
    value=kind.write(figures[name]),
    floor='' if floor is None else kind.write(floor),
    limit=limit(gate) if gate else '',
    passed=bool(gate['passed']) if gate else None,
  )


def _floor_name(name: str) -> str:
  return f'{name.removesuffix("_distance")}_floor'


def class_rows(run: facts.Run) -> tuple[list[ClassRow], int]:
  """The histogram of classes asked and read, and how many classes there are in all.

  Of very many classes only those farthest from what was asked are listed.
  """
  histogram = run.metrics.get('class_histogram') or {}
  read = [int(count) for count in histogram.get('read') or []]
  asked = [int(count) for count in histogram.get('asked') or []]
  names = run.class_names or [str(i) for i in range(len(read))]
  top = max([*read, *asked, 1])
  table = [
    ClassRow(
      name=name,
      asked=asked[i] if asked else None,
      read=read[i],
      asked_share=(asked[i] if asked else 0) / top,
      read_share=read[i] / top,
    )
    for i, name in enumerate(names[: len(read)])
  ]
  if len(table) > _MAX_CLASSES:
    mean = sum(read) / len(read)
    far = sorted(table, key=lambda row: -abs(row.read - (mean if row.asked is None else row.asked)))
    kept = far[:_MAX_CLASSES]
    return [row for row in table if row in kept], len(table)
  return table, len(table)
