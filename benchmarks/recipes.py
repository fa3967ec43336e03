"""Writes the table of recipes, configs/recipes/README.md, from their finished runs.

  python -m benchmarks.recipes --runs=runs --mnist_dir=MNIST

Each recipe that has a finished run in runs/<name> gets its figures and a picture; the others say
that they were not run. Digits are read by a classifier that the pipeline never sees, trained here
on full MNIST from the IDX files in --mnist_dir.
"""

import argparse
import json
import os
import pathlib
import tempfile
from typing import Any

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np

from benchmarks import generated
from benchmarks.independent_judge import IndependentJudge
from pipeline import config, dataset, pictures
from pipeline.config import IngestConfig
from pipeline.console import Console
from pipeline.ingest import pixels
from pipeline.ingest.stage import ingest

_ROOT = pathlib.Path(__file__).parent.parent
_RECIPES = _ROOT / 'configs' / 'recipes'
_PICTURES = _ROOT / 'docs' / 'recipes'
_NUM_IMAGES = 10_000
_NUM_SHOWN, _COLUMNS = 20, 10
_HEAD = """# Recipes

The systems that forgeline reproduces, each a flagfile:

    python -m pipeline.run --flagfile=configs/recipes/mlp.flags

`--data_dir=MNIST` reads local IDX files instead of downloading; `--train_steps=1000` is a quick
look. Every flag of `python -m pipeline.run --help` can be added: a later value wins.

This table was printed by `python -m benchmarks.recipes --runs=runs --mnist_dir=MNIST`. *Steps* are
those of the run / those of the flagfile. *Time* is the training alone, on two cores. The *Frechet
distance* is of the chosen snapshot, in units of the real-against-real floor. *Read* is the share of
10,000 images that an independent classifier reads with a confidence over 0.9, *agree* the share
read as the digit asked for, *rarest* the share of the rarest class among the classes read.

| recipe | images | steps | time | Frechet / floor | read | agree | rarest |
|---|---|---|---|---|---|---|---|
"""


def main() -> None:
  """Judges, writes, prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--runs', type=pathlib.Path, default=pathlib.Path('runs'))
  parser.add_argument('--mnist_dir', type=pathlib.Path, required=True)
  options = parser.parse_args()
  judge = _judge(options.mnist_dir)
  _PICTURES.mkdir(parents=True, exist_ok=True)
  names = sorted(path.stem for path in _RECIPES.glob('*.flags'))
  rows = [_row(name, options.runs / name, judge) for name in names]
  text = _HEAD + ''.join(rows)
  (_RECIPES / 'README.md').write_text(text, encoding='utf-8')
  print(text)


def _judge(mnist_dir: pathlib.Path) -> IndependentJudge:
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    ingest(IngestConfig(dataset='mnist', data_dir=str(mnist_dir)), {}, folder, Console())
    return IndependentJudge(*dataset.load_split(folder, 'train'))


def _row(name: str, run_dir: pathlib.Path, judge: IndependentJudge) -> str:
  recipe, _ = config.parse([f'--flagfile={_RECIPES / name}.flags'])
  steps = recipe.train.train_steps
  link = f'[{name}]({name}.flags)'
  if not (run_dir / 'validate' / 'MANIFEST.json').is_file():
    return f'| {link} | | 0 / {steps:,} | not run | | | | |\n'
  training = _read(run_dir / 'train' / 'training.json')
  metrics = _read(run_dir / 'evaluate' / 'metrics.json')
  ratio = next(v for k, v in metrics['figures'].items() if k.startswith('frechet_ratio@'))
  labels = np.arange(_NUM_IMAGES) % 10
  made = generated.images(run_dir, labels)
  pictures.save_grid(_PICTURES / f'{name}.png', made[:_NUM_SHOWN], _COLUMNS)
  picture = f'![{name}](../../docs/recipes/{name}.png)'
  cells = [link, picture, f'{training["steps"]:,} / {steps:,}', _minutes(training['seconds'])]
  cells.append(f'{ratio:.3g}')
  cells += _readings(made, labels, judge, 'asked' in metrics['class_histogram'])
  return f'| {" | ".join(cells)} |\n'


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


def _read(path: pathlib.Path) -> dict[str, Any]:
  return json.loads(path.read_text(encoding='utf-8'))


def _minutes(seconds: float) -> str:
  return f'{seconds / 60:.1f} min'


if __name__ == '__main__':
  main()
