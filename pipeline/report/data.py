"""The facts of the data that a generator was trained on."""

import dataclasses

from pipeline.report import facts, numbers

_MAX_CLASSES = 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
  """One split, in words."""

  name: str
  num_images: str
  mean: str
  std: str
  num_shards: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
  """The section on the data."""

  name: str
  shape: str
  quarantined: int
  source: tuple[tuple[str, str], ...]
  splits: tuple[Split, ...]
  class_counts: tuple[tuple[str, tuple[str, ...]], ...]  # class name, count in each split
  class_note: str


def data(run: facts.Run) -> Data | None:
  """The section on the data; None if nothing was ingested."""
  info = run.dataset
  if not info:
    return None
  splits = {name: split for name, split in info['splits'].items() if split}
  return Data(
    name=str(info.get('name', '')),
    shape=' × '.join(str(size) for size in info['image_shape']),
    quarantined=int(info.get('quarantined', 0)),
    source=tuple(
      (str(key).replace('_', ' '), str(value)) for key, value in (info.get('source') or {}).items()
    ),
    splits=tuple(_split(name, split) for name, split in splits.items()),
    class_counts=_class_counts(info, splits),
    class_note=_class_note(info, splits),
  )


def _split(name: str, split: facts.Facts) -> Split:
  return Split(
    name=name,
    num_images=numbers.number(split['num_images']),
    mean=_channels(split.get('pixel_mean') or []),
    std=_channels(split.get('pixel_std') or []),
    num_shards=len(split.get('shards') or []),
  )


def _channels(values: list[float]) -> str:
  return ', '.join(f'{value:.1f}' for value in values)


def _counts(splits: dict[str, facts.Facts]) -> list[list[int]]:
  """Counts by split, then by class."""
  return [[int(count) for count in split.get('class_counts') or []] for split in splits.values()]


def _class_counts(
  info: facts.Facts, splits: dict[str, facts.Facts]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
  counts = _counts(splits)
  names = info.get('class_names') or []
  if not info.get('num_classes') or len(names) > _MAX_CLASSES:
    return ()
  return tuple(
    (str(name), tuple(numbers.number(split[i]) if i < len(split) else '' for split in counts))
    for i, name in enumerate(names)
  )


def _class_note(info: facts.Facts, splits: dict[str, facts.Facts]) -> str:
  num_classes = info.get('num_classes')
  if not num_classes:
    return 'The images have no classes; the model is unconditional.'
  if num_classes <= _MAX_CLASSES:
    return ''
  ranges = [
    f'{name}: {numbers.number(min(counts))} to {numbers.number(max(counts))} images a class'
    for name, counts in zip(splits, _counts(splits), strict=True)
    if counts
  ]
  return f'{num_classes} classes. {"; ".join(ranges)}.'
