"""Golden samples against each exported model: sheets, figures with limits, worst samples."""

import dataclasses
import io
import zipfile
from collections.abc import Iterable

import numpy as np

from pipeline import comparison, pictures
from pipeline.report import facts, inline_pictures, numbers

_SHEET_BYTES = 140_000
_CELL_BYTES = 60_000

_SHARES = ('share', 'agreement', 'increase', 'score')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
  """One check of one exported model, in words."""

  label: str
  value: str  # empty where the model could not be run, for which the label is the reason
  limit: str
  passed: bool
  worst_sample: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
  """An exported model and its checks."""

  name: str
  file: str
  size: str
  rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worst:
  """The sample on which a model is farthest from golden."""

  model: str
  sample: int
  golden: inline_pictures.Picture
  exported: inline_pictures.Picture | None
  difference: inline_pictures.Picture | None  # None: there is nothing to see
  amplified: int  # factor of the difference picture
  note: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sheet:
  """All samples of one model."""

  name: str
  picture: inline_pictures.Picture


def models(run: facts.Run) -> list[Model]:
  """The exported models with their checks, in the order of the validation."""
  sizes = file_sizes(run)
  return [
    Model(
      name=str(model['name']),
      file=str(model.get('file', '')),
      size=numbers.size(sizes[model['file']]) if model.get('file') in sizes else '',
      rows=tuple(_row(check) for check in model['checks']),
    )
    for model in run.validation.get('models', [])
  ]


def file_sizes(run: facts.Run) -> dict[str, int]:
  """Bytes of each TFLite file, by name."""
  folder = run.folders.get('export_tflite')
  return (
    {path.name: path.stat().st_size for path in sorted(folder.glob('*.tflite'))} if folder else {}
  )


def phone_frechet_increase(run: facts.Run) -> str | None:
  """The measured increase of generator.tflite, with its limit."""
  for model in run.validation.get('models', []):
    for check in model['checks']:
      if check['check'].endswith('frechet_increase'):
        limit = numbers.share(float(check['limit']))
        return f'{numbers.increase(float(check["value"]))}, at most {limit} allowed'
  return None


def golden_samples(run: facts.Run) -> tuple[np.ndarray, np.ndarray | None] | None:
  """Golden pixels uint8 [N, H, W, C] and labels int64 [N], if any; None without golden.

  Raises:
    ArtifactError: golden.npz is damaged.
  """
  if 'golden' not in run.folders:
    return None
  path = run.folders['golden'] / 'golden.npz'
  contents = facts.read_bytes(path)
  try:
    with np.load(io.BytesIO(contents)) as golden:
      pixels = golden['pixels']
      labels = golden.get('labels')
  except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
    raise facts.damaged(path, 'holds no golden samples that can be read') from error
  with facts.expected_form(path):
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or not len(pixels):
      raise ValueError(f'pixels are {pixels.dtype} {list(pixels.shape)}, not uint8 [N, H, W, C]')
  return pixels, labels


def sheets(run: facts.Run) -> list[Sheet]:
  """The contact sheets of golden and of every exported model that left one."""
  return [
    Sheet(name=name, picture=inline_pictures.embed(grid, _SHEET_BYTES))
    for name, grid in _grids(run, ['golden', *(model.name for model in models(run))]).items()
  ]


def worst_samples(run: facts.Run) -> list[Worst]:
  """For each model the samples that its checks name as worst."""
  golden = golden_samples(run)
  if golden is None:
    return []
  pixels = golden[0]
  grids = _grids(run, [model.name for model in models(run)])
  return [
    _worst(model.name, sample, pixels[sample], grids.get(model.name))
    for model in models(run)
    for sample in _worst_indices(model.rows, len(pixels))
  ]


def _row(check: facts.Facts) -> Row:
  name, worst = str(check['check']), check.get('worst_sample')
  if 'message' in check:
    return Row(label=str(check['message']), value='', limit='', passed=False, worst_sample=None)
  value, limit = (
    _written(name, float(check[key]), check.get('unit') or '') for key in ('value', 'limit')
  )
  bound = 'at least' if check['direction'] == 'min' else 'at most'
  return Row(
    label=comparison.WORDS.get(name, name),
    value=value,
    limit=f'{bound} {limit}',
    passed=bool(check['passed']),
    worst_sample=int(worst) if worst is not None else None,
  )


def _written(name: str, value: float, unit: str) -> str:
  if not comparison.is_finite(value):
    return 'not finite'
  if unit:
    singular = unit == 'levels' and value == 1
    return f'{numbers.number(value)}{numbers.SPACE}{"level" if singular else unit}'
  is_share = any(word in name for word in _SHARES)
  return numbers.share(value) if is_share else numbers.number(value)


def _grids(run: facts.Run, names: Iterable[str]) -> dict[str, np.ndarray]:
  folder = run.folders.get('validate')
  paths = {name: folder / f'{name}.png' for name in names} if folder else {}
  return {name: inline_pictures.read(path) for name, path in paths.items() if path.is_file()}


def _worst_indices(rows: Iterable[Row], num_samples: int) -> list[int]:
  indices = dict.fromkeys(row.worst_sample for row in rows if row.worst_sample is not None)
  return [index for index in indices if 0 <= index < num_samples]


def _worst(model: str, sample: int, golden: np.ndarray, grid: np.ndarray | None) -> Worst:
  """Cuts a sample out of a model's grid, if it has one."""
  cell = None if grid is None else pictures.cell(grid, sample, golden.shape)
  if cell is not None and cell.shape != golden.shape:
    cell = None
  levels = np.abs(golden.astype(int) - cell) if cell is not None else np.zeros_like(golden, int)
  top = int(levels.max())
  amplified = max(255 // top, 1) if top else 1
  shown = (levels * amplified).astype(np.uint8)
  if cell is None:
    note = 'no picture of the exported model'
  else:
    note = f'at most {top} of 255 grey levels apart' if top else 'the same pixels'
  return Worst(
    model=model,
    sample=sample,
    golden=inline_pictures.embed(golden, _CELL_BYTES),
    exported=inline_pictures.embed(cell, _CELL_BYTES) if cell is not None else None,
    difference=inline_pictures.embed(shown, _CELL_BYTES) if top else None,
    amplified=amplified,
    note=note,
  )
