"""Writes the table of recipes, configs/recipes/README.md, from their finished runs.

  python -m benchmarks.recipes --runs=runs --mnist_dir=MNIST

Each recipe that has a finished run in runs/<name> gets its figures and a picture; the others say
that they were not run. Digits are read by a classifier that the pipeline never sees, trained here
on full MNIST from the IDX files in --mnist_dir. Let the machine do nothing else: steps are timed.
"""

import argparse
import os
import pathlib
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np

from benchmarks import generated
from benchmarks.finished import FinishedRun
from benchmarks.independent_judge import IndependentJudge
from pipeline import dataset, pictures
from pipeline.config.flags import parse
from pipeline.config.ingest import IngestConfig
from pipeline.console import Console
from pipeline.ingest import pixels
from pipeline.ingest.stage import ingest

_ROOT = pathlib.Path(__file__).parent.parent
_RECIPES = _ROOT / 'configs' / 'recipes'
_PICTURES = _ROOT / 'docs' / 'recipes'
_TUTORIAL = 'dcgan'  # the recipe that the others are compared with
_NUM_IMAGES = 10_000
_NUM_SHOWN, _COLUMNS = 20, 10
_HEAD = """# Recipes

The systems that forgeline reproduces, each a flagfile:

    python -m pipeline.run --flagfile=configs/recipes/mlp.flags

`--data_dir=MNIST` reads local IDX files instead of downloading; `--train_steps=1000` is a quick
look. Every flag of `python -m pipeline.run --help` can be added: a later value wins.

This table was printed by `python -m benchmarks.recipes --runs=runs --mnist_dir=MNIST`; `prod` is
`configs/prod.flags`. *Steps* are those of the run / those of the flagfile. *Time* is the training
alone on two cores: the steps times a step's time, measured when the table was made. The *Frechet
distance* is of the chosen snapshot, in units of the real-against-real floor. *To tutorial's* is the
training time until a snapshot came as near as the best one of `dcgan`. *Read* is the share of
10,000 images that an independent classifier reads with a confidence over 0.9, *agree* the share
read as the digit asked for, *rarest* the share of the rarest class among the classes read.

| recipe | images | steps | ms a step | time | Frechet | to tutorial's | read | agree | rarest |
|---|---|---|---|---|---|---|---|---|---|
"""


def main() -> None:
  """Judges, writes, prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--runs', type=pathlib.Path, default=pathlib.Path('runs'))
  parser.add_argument('--mnist_dir', type=pathlib.Path, required=True)
  options = parser.parse_args()
  judge = _judge(options.mnist_dir)
  _PICTURES.mkdir(parents=True, exist_ok=True)
  flagfiles = [_ROOT / 'configs' / 'prod.flags', *sorted(_RECIPES.glob('*.flags'))]
  tutorial = FinishedRun(options.runs / _TUTORIAL)
  rows = [_row(path, FinishedRun(options.runs / path.stem), tutorial, judge) for path in flagfiles]
  text = _HEAD + ''.join(rows)
  (_RECIPES / 'README.md').write_text(text, encoding='utf-8')
  print(text)


def _judge(mnist_dir: pathlib.Path) -> IndependentJudge:
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    ingest(IngestConfig(dataset='mnist', data_dir=str(mnist_dir)), {}, folder, Console())
    return IndependentJudge(*dataset.load_split(folder, 'train'))


def _row(
  flagfile: pathlib.Path, run: FinishedRun, tutorial: FinishedRun, judge: IndependentJudge
) -> str:
  name = flagfile.stem
  recipe, _ = parse([f'--flagfile={flagfile}'])
  steps = recipe.train.train_steps
  link = f'[{name}]({os.path.relpath(flagfile, _RECIPES)})'
  if not run.is_finished:
    return f'| {link} | | 0 / {steps:,} | | not run | | | | | |\n'
  labels = np.arange(_NUM_IMAGES) % 10
  made = generated.images(run.run_dir, labels)
  pictures.save_grid(_PICTURES / f'{name}.png', made[:_NUM_SHOWN], _COLUMNS)
  done = run.training['steps']
  cells = [
    link,
    f'![{name}](../../docs/recipes/{name}.png)',
    f'{done:,} / {steps:,}',
    f'{run.step_s * 1e3:.3g}',
    _time(done * run.step_s),
    f'{run.frechet_ratio:.3g}',
    _to_tutorial(run, tutorial),
    *_readings(made, labels, judge, 'asked' in run.metrics['class_histogram']),
  ]
  return f'| {" | ".join(cells)} |\n'


def _to_tutorial(run: FinishedRun, tutorial: FinishedRun) -> str:
  if not tutorial.is_finished or run.judge != tutorial.judge:
    return ''  # nothing to compare, or not with the same measure
  seconds = run.seconds_to(min(tutorial.distances.values()))
  return 'never' if seconds is None else _time(seconds)


def _readings(
  made: np.ndarray, labels: np.ndarray, judge: IndependentJudge, is_conditional: bool
) -> list[str]:
  """What the classifier reads; nothing where the images are in colour: no digits."""
  if made.shape[-1] != 1:
    return ['', '', '']
  probabilities = judge.probabilities(pixels.fit_grey(made[..., 0], 28, 1))
  read = probabilities.argmax(axis=1)
  rarest = np.bincount(read, minlength=10).min() / len(read)
  agree = f'{np.mean(read == labels):.1%}' if is_conditional else ''
  return [f'{np.mean(probabilities.max(axis=1) > 0.9):.1%}', agree, f'{rarest:.1%}']


def _time(seconds: float) -> str:
  return f'{seconds:.0f} s' if seconds < 300 else f'{seconds / 60:.0f} min'


if __name__ == '__main__':
  main()
