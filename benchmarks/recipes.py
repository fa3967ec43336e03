"""Writes the table of recipes, configs/recipes/README.md, from their finished runs.

  python -m benchmarks.recipes --runs=runs --mnist_dir=MNIST

Each recipe that has a finished run in runs/<name> is judged, and its figures and a picture are kept
in docs/recipes; a recipe without a run keeps those it has. Digits are read by a classifier that the
pipeline never sees, trained here on full MNIST from the IDX files in --mnist_dir. Let the machine
do nothing else: a step of each recipe is timed, so that times compare; --precision=float32 lets
them compare with those of a processor that is no faster in bfloat16.
"""

import argparse
import os
import pathlib
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

from benchmarks import curves, kept, trainer
from benchmarks.finished import FinishedRun
from benchmarks.independent_judge import IndependentJudge
from benchmarks.kept import Kept
from pipeline import dataset
from pipeline.config.flags import parse
from pipeline.config.ingest import IngestConfig
from pipeline.config.run import RunConfig
from pipeline.config.train import PRECISIONS
from pipeline.console import Console
from pipeline.ingest.stage import ingest
from pipeline.train import precision

_ROOT = pathlib.Path(__file__).parent.parent
_RECIPES = _ROOT / 'configs' / 'recipes'
_FACTS = _ROOT / 'docs' / 'recipes'
_TUTORIAL = 'dcgan'  # the recipe that the others are compared with
_COLOUR = ('cifar10', 'faces64')
_TIMED_STEPS = 16  # one lazy penalty
_HEAD = """# Recipes

The systems that forgeline reproduces, each a flagfile:

    python -m pipeline.run --flagfile=configs/recipes/mlp.flags

`--data_dir=MNIST` reads local IDX files instead of downloading; `--train_steps=1000` is a quick
look (for `dcgan_deconv4_warmup` with `--discriminator_warmup_steps=200`). Every flag of `python -m
pipeline.run --help` can be added: a later value wins.

Which to take: `prod` for digits; for colour pictures of your own `cifar10` (32x32, in classes) or
`faces64`, with `--dataset=image_folder --data_dir=FOLDER`. The others are there to compare with.

This table was written by `python -m benchmarks.recipes --runs=runs --mnist_dir=MNIST
--precision={policy}`; `prod` is `configs/prod.flags`. *Steps* are those of the run / those of the
flagfile. *Time* is the training alone on two cores, in {policy}: the steps times a step's time, all
measured in one go. The *Frechet distance* is of the chosen snapshot, in units of the
real-against-real floor; the flagfiles tell the distance itself. *To tutorial's* is the training
time until a snapshot came as near as the best one of `dcgan`. *Read* is the share of 10,000 images
that an independent classifier reads with a confidence over 0.9, *agree* the share read as the digit
asked for, *rarest* the share of the rarest class among the classes read: 0 where a network came to
one picture, however surely that is read.

| recipe | images | steps | ms a step | time | Frechet | to tutorial's | read | agree | rarest |
|---|---|---|---|---|---|---|---|---|---|
"""
_TAIL = """
The colour recipes get nearer to real images with training. Each has a judge of its own; the curve
is of 2,000 images a snapshot, whose distance is larger than that of 10,000 in the flagfiles:

![Frechet distance against steps of the colour recipes](../../docs/recipes/colour.svg)
"""


def main() -> None:
  """Judges, times, writes, prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--runs', type=pathlib.Path, default=pathlib.Path('runs'))
  parser.add_argument('--mnist_dir', type=pathlib.Path, required=True)
  parser.add_argument('--precision', choices=PRECISIONS, default='auto', help='of the timed steps')
  options = parser.parse_args()
  _FACTS.mkdir(parents=True, exist_ok=True)
  flagfiles = {path.stem: path for path in [_ROOT / 'configs' / 'prod.flags', *_flagfiles()]}
  recipes = {name: parse([f'--flagfile={path}'])[0] for name, path in flagfiles.items()}
  with tempfile.TemporaryDirectory() as scratch:
    _judge(options.runs, recipes, options.mnist_dir, pathlib.Path(scratch))
    found = {name: Kept.load(path) for name in recipes if (path := _facts(name)).is_file()}
    policy, _ = precision.choose(options.precision)
    step_s = {name: _step_s(recipes[name], run, policy) for name, run in found.items()}
  rows = [_row(flagfiles[name], recipes[name], found, step_s) for name in recipes]
  text = _HEAD.format(policy=policy) + ''.join(rows)
  if colour := {name: found[name].distances for name in _COLOUR if name in found}:
    curves.save(_FACTS / 'colour.svg', 'Frechet distance', colour)
    text += _TAIL
  (_RECIPES / 'README.md').write_text(text, encoding='utf-8')
  print(text)


def _flagfiles() -> list[pathlib.Path]:
  return sorted(_RECIPES.glob('*.flags'))


def _facts(name: str) -> pathlib.Path:
  return _FACTS / f'{name}.json'


def _judge(
  runs: pathlib.Path,
  recipes: dict[str, RunConfig],
  mnist_dir: pathlib.Path,
  scratch: pathlib.Path,
) -> None:
  """Keeps the figures and a picture of each run that there is."""
  finished = {name: run for name in recipes if (run := FinishedRun(runs / name)).is_finished}
  if not finished:
    return
  ingest(IngestConfig(dataset='mnist', data_dir=str(mnist_dir)), {}, scratch, Console())
  reader = IndependentJudge(*dataset.load_split(scratch, 'train'))
  for name, run in finished.items():
    picture = _FACTS / f'{name}.png'
    kept.judge(run, recipes[name], reader, picture).save(_facts(name))


def _step_s(recipe: RunConfig, run: Kept, policy: str) -> float:
  """Seconds of a step, on noise of the right shape."""
  taken = trainer.on_noise(run.spec, recipe.train, policy, run.xla)
  step_s = trainer.step_seconds(taken, _TIMED_STEPS)
  print(f'{recipe.push.model_name}: {step_s * 1e3:.3g} ms a step', flush=True)
  return step_s


def _row(
  flagfile: pathlib.Path,
  recipe: RunConfig,
  found: dict[str, Kept],
  step_s: dict[str, float],
) -> str:
  name, steps = flagfile.stem, recipe.train.train_steps
  link = f'[{name}]({os.path.relpath(flagfile, _RECIPES)})'
  if name not in found:
    return f'| {link} | | 0 / {steps:,} | | not run | | | | | |\n'
  run = found[name]
  cells = [
    link,
    f'![{name}](../../docs/recipes/{name}.png)',
    f'{run.steps:,} / {steps:,}',
    f'{step_s[name] * 1e3:.3g}',
    _time(run.steps * step_s[name]),
    f'{run.frechet_ratio:.3g}',
    _to_tutorial(run, found.get(_TUTORIAL), step_s[name]),
    *(_share(share) for share in (run.read, run.agree, run.rarest)),
  ]
  return f'| {" | ".join(cells)} |\n'


def _to_tutorial(run: Kept, tutorial: Kept | None, step_s: float) -> str:
  if tutorial is None or run.judge != tutorial.judge:
    return ''  # nothing to compare, or not with the same measure
  steps = run.steps_to(min(tutorial.distances.values()))
  return 'never' if steps is None else _time(steps * step_s)


def _share(share: float | None) -> str:
  return '' if share is None else f'{share:.1%}'


def _time(seconds: float) -> str:
  return f'{seconds:.0f} s' if seconds < 300 else f'{seconds / 60:.0f} min'


if __name__ == '__main__':
  main()
