"""What a run tells at its start and its end."""

import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import rich.box
import rich.table

from pipeline import next_steps
from pipeline.console import Console
from pipeline.stages import Line, Stage

_STYLES = {'run': 'bold', 'resume': 'bold', 'cached': 'green', 'leave': 'dim'}


def show_plan(console: Console, line: Line, selected: Sequence[Stage]) -> None:
  """Prints what each stage will do and why."""
  table = _table('stage', 'plan', 'because')
  for step in line.plan(selected):
    table.add_row(step.stage.name, step.action, step.reason, style=_STYLES[step.action])
  console.heading(f'Plan for {line.folder}')
  console.table(table)


def show_result(console: Console, folder: pathlib.Path) -> None:
  """Prints figures, golden comparisons and the next commands, as far as the run came."""
  metrics = _read(folder / 'evaluate' / 'metrics.json')
  if metrics:
    _show_figures(console, metrics)
  validation = _read(folder / 'validate' / 'validation.json')
  if validation:
    _show_validation(console, validation)
  _show_paths(console, folder)


def _show_figures(console: Console, metrics: dict[str, Any]) -> None:
  table = _table('figure', 'value', 'real against real')
  figures = metrics['figures']
  for name, value in figures.items():
    stem, _, net = name.partition('@')
    if stem.endswith('_floor'):
      continue
    floor = figures.get(f'{stem.removesuffix("_distance")}_floor@{net}')
    table.add_row(name, f'{value:.4g}', '' if floor is None else f'{floor:.4g}')
  console.heading(f'Quality of step {metrics["step"]}, {metrics["num_images"]} images')
  console.table(table)


def _show_validation(console: Console, validation: dict[str, Any]) -> None:
  table = _table('exported model', 'check against golden', 'value', 'limit', '')
  for model in validation['models']:
    for check in model['checks']:
      sign = '≤' if check['direction'] == 'max' else '≥'
      table.add_row(
        model['file'],
        check['check'],
        f'{check["value"]:.4g} {check["unit"]}'.strip(),
        f'{sign} {check["limit"]:.4g}',
        'ok' if check['passed'] else 'FAILED',
        style=None if check['passed'] else 'bold red',
      )
  console.heading('Golden comparison')
  console.table(table)


def _show_paths(console: Console, folder: pathlib.Path) -> None:
  samples, report = folder / 'evaluate' / 'samples.png', folder / 'report' / 'report.html'
  if samples.is_file():
    console.log(f'pictures   {samples}')
  if report.is_file():
    console.log(f'report     {report}')
  pushed = _read(folder / 'push' / 'pushed.json')
  if pushed:
    console.log(f'pushed     {next_steps.as_typed(pushed["path"])} (version {pushed["version"]})')
    _show_next(console, folder, pushed)


def _show_next(console: Console, folder: pathlib.Path, pushed: dict[str, Any]) -> None:
  """Commands to copy from the terminal."""
  name, base = pushed['model_name'], next_steps.as_typed(str(pathlib.Path(pushed['path']).parent))
  python, report = next_steps.as_typed(sys.executable), folder / 'report' / 'report.html'
  num_classes = (_read(folder / 'train' / 'model.json') or {}).get('num_classes', 0)
  console.heading('Next')
  for comment, command in (
    ('serve it', next_steps.serve_here(name, base, python)),
    ('call it', next_steps.call(name, num_classes, python)),
    ('open the report', f'{python} -m webbrowser {report.resolve().as_uri()}'),
  ):
    console.rich.print(f'  # {comment}\n  {command}', markup=False, soft_wrap=True)


def _table(*columns: str) -> rich.table.Table:
  table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
  for column in columns:
    table.add_column(column, overflow='fold')
  return table


def _read(path: pathlib.Path) -> Any:
  return json.loads(path.read_text(encoding='utf-8')) if path.is_file() else None
