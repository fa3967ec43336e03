"""Says which operation of a generator loses how much in int8, and what leaving it in float32 wins.

  python -m mobile.debug --run_dir=runs/quickstart
  python -m mobile.debug --run_dir=runs/quickstart --float_layers=8,TANH --out=mixed.tflite

The loss of an operation is the mean squared error of the pictures, in grey levels, when that
operation alone is in int8. Two neighbours both count the rounding of what passes between them, so
the losses add up to more than that of the whole. It is the loss of --quantization=ptq: of a run
whose file was made in another way, the command says so.

`--out` writes the file with these layers in float32. An app plays it in place of generator.tflite,
but it is not of the run: neither validated nor in golden.json.

Exit codes: 0 done, 2 a flag is wrong or a file is missing, 7 a file of the run is damaged.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mobile import model_files, native_log, seal
from mobile.psnr import psnr_db

if TYPE_CHECKING:
  from mobile.quantization_loss import Analysis


class _RunError(Exception):
  """A file of the run can't be used; the message is one line."""

  def __init__(self, exit_code: int, said: str) -> None:
    super().__init__(said)
    self.exit_code = exit_code


def main(argv: Sequence[str] | None = None) -> int:
  """Command line; returns the exit code."""
  options = _options(argv)
  try:
    model, made_otherwise = _model(options.run_dir), _made_otherwise(options.run_dir)
    with native_log.caught():
      _report(model, made_otherwise, options)
  except _RunError as error:
    print(error, file=sys.stderr)
    return error.exit_code
  except ValueError as error:
    print(f'{error} (mobile.debug)', file=sys.stderr)
    return 2
  except OSError as error:
    print(
      f'{error.filename}: {error.strerror} (mobile.debug). Choose another with --chart or --out.',
      file=sys.stderr,
    )
    return 2
  return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
  parser = argparse.ArgumentParser(
    'python -m mobile.debug',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--run_dir', type=pathlib.Path, required=True, help='folder of a run')
  parser.add_argument(
    '--float_layers', default='', help='numbers or kinds of operations to leave in float32'
  )
  parser.add_argument(
    '--out', type=pathlib.Path, help='.tflite file with these in float32 to write'
  )
  parser.add_argument(
    '--chart',
    type=pathlib.Path,
    help='picture to write; RUN/debug/quantization_loss.png by default',
  )
  return parser.parse_args(argv)


def _model(run_dir: pathlib.Path) -> bytes:
  """The run's float32 file, whole."""
  path = run_dir / 'export_tflite' / model_files.F32
  model = _contents(path, 'Run the export_tflite stage first.')
  if not seal.is_whole(model):
    raise _RunError(7, f'{path} is damaged (mobile.debug). Run the export_tflite stage again.')
  return model


def _made_otherwise(run_dir: pathlib.Path) -> str:
  """The settings by which the run's own file was made, if this is not what it loses."""
  path, usual = run_dir / 'run.json', {'quantization': 'ptq', 'compression': 'none'}
  mend = 'Bring it back from a copy of the run, or choose another --run_dir.'
  contents = _contents(path, mend)
  try:
    settings = json.loads(contents)['export_tflite']
    return ' '.join(f'--{name}={settings[name]}' for name in usual if settings[name] != usual[name])
  except (ValueError, KeyError, TypeError) as error:
    raise _RunError(7, f'{path} is damaged: no settings of a run (mobile.debug). {mend}') from error


def _contents(path: pathlib.Path, mend: str) -> bytes:
  try:
    return path.read_bytes()
  except FileNotFoundError as error:
    raise _RunError(2, f'{path} is missing (mobile.debug). {mend}') from error
  except OSError as error:
    raise _RunError(2, f'{path}: {error.strerror} (mobile.debug). {mend}') from error


def _report(model: bytes, made_otherwise: str, options: argparse.Namespace) -> None:
  """Prints the table and the effect of the whole; writes the files."""
  from mobile import quantization_loss  # here, because no log level keeps this import quiet

  analysis = quantization_loss.Analysis(model)
  kept = analysis.select(options.float_layers)
  if options.out:
    options.out.write_bytes(analysis.requantizer.exported(kept))
    print(f'written to {options.out}')
  losses = analysis.losses()
  print(quantization_loss.table(losses))
  chart = options.chart or _default_chart(options.run_dir)
  quantization_loss.chart(losses).save(chart)
  print(f'drawn in {chart}')
  _print_effect(analysis, 'all in int8', [])
  if kept:
    _print_effect(analysis, f'{options.float_layers} in float32', kept)
  if made_otherwise:
    print(
      f'That is rounding after training; generator.tflite of this run was made by {made_otherwise}.'
    )


def _default_chart(run_dir: pathlib.Path) -> pathlib.Path:
  folder = run_dir / 'debug'
  folder.mkdir(exist_ok=True)
  return folder / 'quantization_loss.png'


def _print_effect(analysis: 'Analysis', name: str, kept: list[int]) -> None:
  decibels = psnr_db(analysis.squared_levels(kept))
  size_kb = len(analysis.requantizer.quantized(kept)) / 1e3
  print(f'{name}: {decibels:.1f} dB, {size_kb:.0f} kB')


if __name__ == '__main__':
  sys.exit(main())
