"""Prints what each quantisation of a run's generator costs and loses, and how fast it is.

  python -m benchmarks.mobile --run_dir=runs/quickstart
  python -m benchmarks.mobile --run_dir=runs/quickstart --beside=runs/wide

Every file is made by the export_tflite stage, fine-tuning included, and judged by the run's own
judge against pictures of the float32 generator. Times are of one thread, medians over rounds in
which all files take turns. `--beside` compares the INT8 file with that of another run, a wider
network's, say.
"""

import argparse
import dataclasses
import gzip
import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np

from benchmarks.finished import FinishedRun
from mobile import latency, model_files, replay
from pipeline import comparison
from pipeline.config.export import ExportTfliteConfig
from pipeline.console import Console
from pipeline.export_tflite import export_tflite
from pipeline.validate import Judge

_STAGES = ('ingest', 'train', 'evaluate', 'golden')
_VARIANTS: Mapping[str, tuple[str, dict[str, str]]] = {  # file, settings of export_tflite
  'float32': (model_files.F32, {}),
  'float16': (model_files.F16, {}),
  'dynamic': (model_files.MAIN, {'quantization': 'dynamic'}),
  'ptq': (model_files.MAIN, {}),
  'qat': (model_files.MAIN, {'quantization': 'qat'}),
  'pruned': (model_files.MAIN, {'compression': 'prune'}),
  'clustered': (model_files.MAIN, {'compression': 'cluster'}),
}
_MAX_FRECHET_INCREASE, _MIN_SPEED_RATIO = 0.05, 4
_MAX_MS, _MAX_MB = 0.1, 1.0


@dataclasses.dataclass(frozen=True)
class Quality:
  """Figures of one file against the float32 generator."""

  psnr_db: float
  label_agreement: float | None  # None: the judge reads no labels
  frechet_distance: float


def main() -> None:
  """Exports, judges, times, prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--run_dir', type=pathlib.Path, required=True)
  parser.add_argument('--beside', type=pathlib.Path)
  parser.add_argument('--num_images', type=int, default=10_000)
  preset = ExportTfliteConfig()
  parser.add_argument('--fine_tune_steps', type=int, default=preset.fine_tune_steps)
  parser.add_argument(
    '--fine_tune_learning_rate', type=float, default=preset.fine_tune_learning_rate
  )
  options = parser.parse_args()
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    tuning = {
      'fine_tune_steps': options.fine_tune_steps,
      'fine_tune_learning_rate': options.fine_tune_learning_rate,
    }
    files = _export(options.run_dir, folder, tuning)
    judge = Judge.make(_inputs(options.run_dir), options.num_images)
    qualities = {name: _quality(path, judge) for name, path in files.items()}
    _print_variants(files, qualities, _milliseconds(files))
    if options.beside:
      _print_networks([options.run_dir, options.beside])


def _inputs(run_dir: pathlib.Path) -> dict[str, pathlib.Path]:
  return {stage: run_dir / stage for stage in _STAGES}


def _export(
  run_dir: pathlib.Path, folder: pathlib.Path, tuning: Mapping[str, float]
) -> dict[str, pathlib.Path]:
  """Runs the export stage once for each variant that needs it."""
  console, done, files = Console(), {}, {}
  for name, (file, settings) in _VARIANTS.items():
    key = str(settings)
    if key not in done:
      done[key] = folder / name
      done[key].mkdir()
      config = ExportTfliteConfig(**settings, **tuning)  # type: ignore[arg-type]
      export_tflite(config, _inputs(run_dir), done[key], console)
    files[name] = done[key] / file
  return files


def _quality(path: pathlib.Path, judge: Judge) -> Quality:
  pixels = replay.Generator(path).pixels(judge.latents, judge.labels)
  return Quality(
    psnr_db=float(comparison.psnr_db(pixels, judge.pixels).mean()),
    label_agreement=_label_agreement(pixels, judge),
    frechet_distance=judge.distance(pixels),
  )


def _label_agreement(pixels: np.ndarray, judge: Judge) -> float | None:
  if not judge.feature_net.reads_labels:
    return None
  return float(np.mean(judge.read(pixels) == judge.read(judge.pixels)))


def _share(label_agreement: float | None) -> str:
  return '-' if label_agreement is None else f'{label_agreement:.2%}'


def _milliseconds(files: Mapping[str, pathlib.Path]) -> dict[str, float]:
  return latency.milliseconds({name: path.read_bytes() for name, path in files.items()})


def _print_variants(
  files: Mapping[str, pathlib.Path], qualities: Mapping[str, Quality], times: Mapping[str, float]
) -> None:
  row = '{:<10} {:>8} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7}'
  print(row.format('', 'PSNR dB', 'label', 'Frechet', 'increase', 'kB', 'gzip kB', 'ms', 'speed'))
  float_distance, float_ms = qualities['float32'].frechet_distance, times['float32']
  for name, quality in qualities.items():
    contents = files[name].read_bytes()
    print(
      row.format(
        name,
        f'{quality.psnr_db:.1f}',
        _share(quality.label_agreement),
        f'{quality.frechet_distance:.4g}',
        f'{quality.frechet_distance / float_distance - 1:+.1%}',
        f'{len(contents) / 1e3:.0f}',
        f'{len(gzip.compress(contents)) / 1e3:.0f}',
        f'{times[name]:.3f}',
        f'{float_ms / times[name]:.1f} x',
      )
    )
  for name in ('ptq', 'qat'):
    increase = qualities[name].frechet_distance / float_distance - 1
    _verdict(
      f'{name}: Frechet distance {increase:+.1%} (at most {_MAX_FRECHET_INCREASE:+.0%})',
      increase <= _MAX_FRECHET_INCREASE,
    )
    ratio = float_ms / times[name]
    _verdict(
      f'{name}: {ratio:.1f} times as fast as float32 (at least {_MIN_SPEED_RATIO})',
      ratio >= _MIN_SPEED_RATIO,
    )


def _print_networks(run_dirs: Sequence[pathlib.Path]) -> None:
  """Quality, size and speed of the INT8 files of runs, side by side."""
  files = {str(path): path / 'export_tflite' / model_files.MAIN for path in run_dirs}
  times = _milliseconds(files)
  print(f'\n{"network":<12} {"Frechet / floor":>16} {"label":>8} {"MB":>7} {"ms":>7}  run')
  for path in run_dirs:
    run, size_mb = FinishedRun(path), files[str(path)].stat().st_size / 1e6
    figures = run.metrics['figures']
    agreement = next((v for k, v in figures.items() if k.startswith('label_agreement@')), None)
    print(
      f'{run.config.train.network:<12} {run.frechet_ratio:>16.2f} {_share(agreement):>8}'
      f' {size_mb:>7.2f} {times[str(path)]:>7.3f}  {path}'
    )
  first = str(run_dirs[0])
  size_mb = files[first].stat().st_size / 1e6
  _verdict(f'{first}: {times[first]:.3f} ms (at most {_MAX_MS})', times[first] <= _MAX_MS)
  _verdict(f'{first}: {size_mb:.2f} MB (at most {_MAX_MB})', size_mb <= _MAX_MB)


def _verdict(text: str, holds: bool) -> None:
  print(f'{text}: {"yes" if holds else "NO"}')


if __name__ == '__main__':
  main()
