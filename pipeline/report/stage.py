"""The report stage: artifacts of a run in, one HTML file out."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
import numpy as np

from pipeline import console as console_lib
from pipeline.config.report import ReportConfig
from pipeline.report import (
  anomalies,
  commands,
  comparison,
  data,
  facts,
  figures,
  inline_pictures,
  numbers,
  provenance,
  training,
  verdict,
)

_HERO_BYTES = 300_000
_MAX_HERO_CLASSES = 12
_MAX_HERO_ROWS = 6


# What the template calls a part, the stage whose facts it tells, and how. The verdict draws on all
# of them and comes last, so that damage is reported where it is.
_SECTIONS: dict[str, tuple[str, Callable[[facts.Run], Any]]] = {
  'data': ('ingest', data.data),
  'warnings': ('train', training.warnings),
  'training_facts': ('train', training.told),
  'curves': ('train', training.curves),
  'frames': ('train', training.frames),
  'figures': ('evaluate', lambda run: figures.rows(run.metrics)),
  'classes': ('evaluate', figures.class_rows),
  'anomalies': ('export_saved_model', anomalies.anomalies),
  'models': ('validate', comparison.models),
  'sheets': ('validate', comparison.sheets),
  'worst': ('validate', comparison.worst_samples),
  'commands': ('push', commands.commands),
  'bundle': ('push', commands.bundle),
  'verdict': ('push', verdict.verdict),
}


def report(
  config: ReportConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: console_lib.Console,
) -> None:
  """Writes output/report.html: one file that loads nothing.

  Args:
    config: the report has no setting.
    inputs: stage name -> folder of its finished artifact. Late stages may be absent: a run that
      failed still gets a report, which says what is missing.
    output: folder to write into.
    console: where to say what was written.

  Raises:
    ArtifactError: an artifact is damaged.
  """
  del config
  html = render(facts.read_run(inputs))
  path = output / 'report.html'
  path.write_text(html, encoding='utf-8')
  console.log(f'report.html, {numbers.size(path.stat().st_size)}, one file without network')


def render(run: facts.Run) -> str:
  """The report as HTML.

  Raises:
    ArtifactError: the facts of an artifact don't have their documented form.
  """
  view: dict[str, Any] = {
    'run': run,
    'blocky': inline_pictures.is_blocky(_image_shape(run)),
    'settings': provenance.settings(run),
    'stages': provenance.stages(run),
    'total_duration': provenance.total_duration(run),
    'versions': provenance.versions(run),
    'hero': _hero(run),
  }
  for name, (stage, build) in _SECTIONS.items():
    with facts.expected_form(run.file(stage)):
      view[name] = build(run)
  return _template().render(view)


def _template() -> jinja2.Template:
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader('pipeline.report', package_path=''),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters |= {'number': numbers.number, 'share': numbers.share}
  return environment.get_template('report.html.j2')


def _image_shape(run: facts.Run) -> tuple[int, ...]:
  return tuple(run.model.get('image_shape') or run.dataset.get('image_shape') or (0,))


def _hero(run: facts.Run) -> dict[str, Any] | None:
  """Golden samples, a column for each class; without golden, a grid of the training."""
  golden = comparison.golden_samples(run)
  if golden is None:
    grid = training.latest_samples(run)
    return None if grid is None else _hero_view(grid, [])
  pixels, labels = golden
  names = run.class_names
  chosen = _by_class(labels, len(names)) if labels is not None else None
  if chosen is not None:
    return _hero_view(inline_pictures.sheet(pixels[chosen], len(names)), names)
  num_columns = min(len(pixels), 10)
  num_shown = min(len(pixels) // num_columns, _MAX_HERO_ROWS) * num_columns
  return _hero_view(inline_pictures.sheet(pixels[:num_shown], num_columns), [])


def _by_class(labels: np.ndarray, num_classes: int) -> np.ndarray | None:
  """Indices of samples, row by row with a column for each class; None if that can't be."""
  if not 2 <= num_classes <= _MAX_HERO_CLASSES:
    return None
  columns = [np.flatnonzero(labels == k)[:_MAX_HERO_ROWS] for k in range(num_classes)]
  num_rows = min(len(column) for column in columns)
  return np.stack([column[:num_rows] for column in columns], 1).ravel() if num_rows else None


def _hero_view(grid: np.ndarray, columns: list[str]) -> dict[str, Any]:
  return {'picture': inline_pictures.embed(grid, _HERO_BYTES), 'columns': columns}
