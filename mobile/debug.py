"""Says which operation of a generator loses how much in int8, and what leaving it in float32 wins.

  python -m mobile.debug --run_dir=runs/quickstart
  python -m mobile.debug --run_dir=runs/quickstart --float_layers=8,TANH --out=mixed.tflite

The loss of an operation is the mean squared error of the pictures, in grey levels, when that
operation alone is in int8. Two neighbours both count the rounding of what passes between them, so
the losses add up to more than that of the whole.

`--out` writes the file with these layers in float32. An app plays it in place of generator.tflite,
but it is not of the run: neither validated nor in golden.json.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
from collections.abc import Sequence

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np
import PIL.Image
import PIL.ImageDraw
from ai_edge_litert.interpreter import Interpreter

from mobile import gan_info, model_files, verify
from mobile.calibration import Calibration
from mobile.psnr import psnr_db
from mobile.requantization import Operation, Requantizer

_NUM_CALIBRATION, _NUM_PICTURES = 500, 64
_LEVELS = 127.5  # grey levels to one unit of [-1, 1]
_ROW, _LABELS, _BARS, _VALUES = 18, 260, 400, 90  # of the chart, in pixels


@dataclasses.dataclass(frozen=True)
class Loss:
  """What one operation loses."""

  operation: Operation
  squared_levels: float  # mean squared error of the pictures with it alone in int8


class Analysis:
  """Pictures of a float32 file, and what int8 makes of them."""

  def __init__(self, model: bytes) -> None:
    """Calibrates and makes the pictures to compare with.

    Args:
      model: contents of generator_f32.tflite.

    Raises:
      ValueError: another file.
    """
    info = gan_info.read(model)
    self._samples = _drawn(info, _NUM_PICTURES, seed=1)
    self.requantizer = Requantizer(model, _drawn(info, _NUM_CALIBRATION, seed=0))
    self._wanted = _pictures(self.requantizer.float_model, self._samples)

  def squared_levels(self, float_operations: Sequence[int]) -> float:
    """Mean squared error with these operations in float32 and the others in int8."""
    model = self.requantizer.quantized(float_operations)
    return float(np.square(_pictures(model, self._samples) - self._wanted).mean())

  def losses(self) -> list[Loss]:
    """The loss of each operation, largest first."""
    operations = self.requantizer.operations
    found = [
      Loss(each, self.squared_levels([other.number for other in operations if other != each]))
      for each in operations
    ]
    return sorted(found, key=lambda loss: -loss.squared_levels)

  def select(self, names: str) -> list[int]:
    """Numbers of the operations that a list such as '8,TANH' names.

    Raises:
      ValueError: a name of no operation.
    """
    operations, chosen = self.requantizer.operations, set[int]()
    for name in filter(None, names.split(',')):
      matching = {each.number for each in operations if name in (str(each.number), each.kind)}
      if not matching:
        raise ValueError(
          f'--float_layers={name} names no operation of this generator. Choose a number from 0 to'
          f' {len(operations) - 1}, or one of: {", ".join(sorted({o.kind for o in operations}))}.'
        )
      chosen |= matching
    return sorted(chosen)


def table(losses: Sequence[Loss]) -> str:
  """A line for each operation."""
  total = sum(loss.squared_levels for loss in losses)
  lines = [f'{"layer":>5}  {"operation":<24} {"output":<14} {"loss":>9} {"share":>7} {"alone":>9}']
  for loss in losses:
    each, shape = loss.operation, 'x'.join(map(str, loss.operation.shape))
    share, alone_db = loss.squared_levels / total, psnr_db(loss.squared_levels)
    lines.append(
      f'{each.number:>5}  {each.kind:<24} {shape:<14} {loss.squared_levels:>9.4f} {share:>7.1%}'
      f' {alone_db:>6.1f} dB'
    )
  return '\n'.join(lines)


def chart(losses: Sequence[Loss]) -> PIL.Image.Image:
  """A bar for each operation, in the order of the table."""
  canvas = PIL.Image.new('RGB', (_LABELS + _BARS + _VALUES, _ROW * (len(losses) + 1)), 'white')
  draw = PIL.ImageDraw.Draw(canvas)
  draw.text((8, 3), 'mean squared error in grey levels, this operation alone in int8', 'black')
  largest = max(loss.squared_levels for loss in losses)
  for row, loss in enumerate(losses, 1):
    top, width = row * _ROW, round(_BARS * loss.squared_levels / largest)
    shape = 'x'.join(map(str, loss.operation.shape))
    draw.text((8, top + 3), f'{loss.operation.number:>2} {loss.operation.kind} {shape}', 'black')
    draw.rectangle((_LABELS, top + 3, _LABELS + width, top + _ROW - 4), 'steelblue')
    draw.text((_LABELS + width + 6, top + 3), f'{loss.squared_levels:.4f}', 'black')
  return canvas


def _drawn(info: gan_info.GanInfo, number: int, seed: int) -> Calibration:
  """Standard normal latents, labels in turn."""
  latents = np.random.default_rng(seed).standard_normal([number, info.latent_size], np.float32)
  labels = np.arange(number) % info.num_classes if info.num_classes else None
  return Calibration(latents, labels)


def _pictures(model: bytes, samples: Calibration) -> np.ndarray:
  """Grey levels before they are rounded, float32 [N, H, W, C]."""
  interpreter = Interpreter(model_content=model, num_threads=1)
  run = interpreter.get_signature_runner(verify.SIGNATURE)
  return _LEVELS * (np.concatenate([run(**sample)['pixels'] for _, sample in samples]) + 1)


def main(argv: Sequence[str] | None = None) -> int:
  """Command line; returns the exit code."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--run_dir', type=pathlib.Path, required=True, help='folder of a run')
  parser.add_argument(
    '--float_layers', default='', help='numbers or kinds of operations to leave in float32'
  )
  parser.add_argument(
    '--out', type=pathlib.Path, help='.tflite file with these in float32 to write'
  )
  parser.add_argument(
    '--chart', type=pathlib.Path, default='quantization_loss.png', help='picture to write'
  )
  options = parser.parse_args(argv)
  path = options.run_dir / 'export_tflite' / model_files.F32
  if not path.is_file():
    print(f'{path} is missing (mobile.debug). Run the export_tflite stage first.', file=sys.stderr)
    return 2
  try:
    analysis = Analysis(path.read_bytes())
    kept = analysis.select(options.float_layers)
    if options.out:
      options.out.write_bytes(analysis.requantizer.exported(kept))
      print(f'written to {options.out}')
  except ValueError as error:
    print(f'{error} (mobile.debug)', file=sys.stderr)
    return 2
  except OSError as error:
    print(f'{error.filename}: {error.strerror} (mobile.debug). Choose another.', file=sys.stderr)
    return 2
  losses = analysis.losses()
  print(table(losses))
  chart(losses).save(options.chart)
  print(f'drawn in {options.chart}')
  _print_effect(analysis, 'all in int8', [])
  if kept:
    _print_effect(analysis, f'{options.float_layers} in float32', kept)
  return 0


def _print_effect(analysis: Analysis, name: str, kept: list[int]) -> None:
  decibels = psnr_db(analysis.squared_levels(kept))
  size_kb = len(analysis.requantizer.quantized(kept)) / 1e3
  print(f'{name}: {decibels:.1f} dB, {size_kb:.0f} kB')


if __name__ == '__main__':
  sys.exit(main())
