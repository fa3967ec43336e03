"""Prints what a run reached: time, memory, figures, and what an independent classifier reads.

  python -m benchmarks.quality --flagfile=configs/quickstart.flags

runs the flagfile from nothing in a temporary folder, timed as a whole process, then judges it;
`--run_dir=runs/quickstart` judges a finished run instead. The classifier is trained here, on full
MNIST where --mnist_dir names its IDX files, else on the run's own images. Extra arguments go to
pipeline.run.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np

from benchmarks import generated
from benchmarks.finished import FinishedRun
from benchmarks.independent_judge import IndependentJudge
from pipeline import dataset
from pipeline.config.ingest import IngestConfig
from pipeline.console import Console
from pipeline.evaluate.classes import labels_in_proportion
from pipeline.ingest.stage import ingest

_NUM_IMAGES = 10_000


def main() -> None:
  """Runs, judges, prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--flagfile', default='configs/quickstart.flags')
  parser.add_argument('--run_dir', type=pathlib.Path)
  parser.add_argument('--mnist_dir', type=pathlib.Path)
  options, rest = parser.parse_known_args()
  with tempfile.TemporaryDirectory() as scratch:
    run_dir = options.run_dir
    if run_dir is None:
      run_dir = pathlib.Path(scratch) / 'run'
      _timed_run(options.flagfile, run_dir, pathlib.Path(scratch), rest)
    run = FinishedRun(run_dir)
    _print_stages(run)
    _print_figures(run)
    _print_int8(run_dir)
    _print_agreement(run_dir, options.mnist_dir, pathlib.Path(scratch))


def _timed_run(
  flagfile: str, run_dir: pathlib.Path, scratch: pathlib.Path, rest: list[str]
) -> None:
  start_s = time.perf_counter()
  subprocess.run(
    [
      *(sys.executable, '-m', 'pipeline.run', f'--flagfile={flagfile}'),
      *(f'--run_dir={run_dir}', f'--serving_model_dir={scratch / "serving"}', *rest),
    ],
    check=True,
  )
  _row('wall time of the whole command', f'{time.perf_counter() - start_s:.0f} s')


def _print_stages(run: FinishedRun) -> None:
  paths = run.run_dir.glob('*/MANIFEST.json')
  manifests = [json.loads(path.read_text('utf-8')) for path in paths]
  manifests.sort(key=lambda manifest: manifest['started'])
  _row('stages', ' '.join(f'{m["stage"]}={m["duration_s"]:.0f}s' for m in manifests))
  _row('all stages', f'{sum(m["duration_s"] for m in manifests):.0f} s')
  _row('peak memory while training', f'{run.training["peak_memory_mib"]:,} MiB')


def _print_figures(run: FinishedRun) -> None:
  _row('chosen step', run.metrics['step'])
  for name, value in run.metrics['figures'].items():
    _row(name, f'{value:.4g}')


def _print_int8(run_dir: pathlib.Path) -> None:
  validation = json.loads((run_dir / 'validate/validation.json').read_text('utf-8'))
  for model in validation['models']:
    for check in model['checks']:
      _row(f'{model["file"]} {check["check"]}', f'{check["value"]:.4g} (limit {check["limit"]:g})')


def _print_agreement(
  run_dir: pathlib.Path, mnist_dir: pathlib.Path | None, scratch: pathlib.Path
) -> None:
  real = run_dir / 'ingest'
  if mnist_dir:
    real = scratch / 'mnist'
    real.mkdir()
    ingest(IngestConfig(dataset='mnist', data_dir=str(mnist_dir)), {}, real, Console())
  info = dataset.load_info(real)
  judge = IndependentJudge(*dataset.load_split(real, 'train'), info.num_classes)
  if 'test' in info.splits:
    accuracy = judge.accuracy(*dataset.load_split(real, 'test'))
    _row('independent classifier on the test set', f'{accuracy:.2%}')
  _row('independent classifier was trained on', f'{info.splits["train"].num_images:,} images')
  labels = labels_in_proportion(np.array(info.splits['train'].class_counts), _NUM_IMAGES, 0)
  probabilities = judge.probabilities(generated.images(run_dir, labels))
  agreement = np.mean(probabilities.argmax(axis=1) == labels)
  _row('it reads the asked label', f'{agreement:.2%} of {_NUM_IMAGES:,} images')
  _row('with confidence over 0.9', f'{np.mean(probabilities.max(axis=1) > 0.9):.2%}')


def _row(name: str, value: object) -> None:
  print(f'{name:<48} {value}', flush=True)


if __name__ == '__main__':
  main()
