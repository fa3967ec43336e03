"""What the pictures of a generator lose when one operation, or several, are in int8."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
from ai_edge_litert.interpreter import Interpreter

from mobile import gan_info, model_files
from mobile.calibration import Calibration
from mobile.psnr import psnr_db
from mobile.requantization import TOGETHER, Operation, Requantizer

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
  total = sum({_counted(loss.operation): loss.squared_levels for loss in losses}.values())
  lines = [f'{"layer":>5}  {"operation":<24} {"output":<14} {"loss":>9} {"share":>7} {"alone":>9}']
  for loss in losses:
    each, shape = loss.operation, 'x'.join(map(str, loss.operation.shape))
    share, alone_db = loss.squared_levels / total, psnr_db(loss.squared_levels)
    lines.append(
      f'{each.number:>5}  {each.label:<24} {shape:<14} {loss.squared_levels:>9.4f} {share:>7.1%}'
      f' {alone_db:>6.1f} dB'
    )
  return '\n'.join(lines)


def _counted(operation: Operation) -> str | int:
  """What is in int8 together counts once."""
  return operation.label if operation.kind in TOGETHER else operation.number


def chart(losses: Sequence[Loss]) -> PIL.Image.Image:
  """A bar for each operation, in the order of the table."""
  canvas = PIL.Image.new('RGB', (_LABELS + _BARS + _VALUES, _ROW * (len(losses) + 1)), 'white')
  draw = PIL.ImageDraw.Draw(canvas)
  draw.text((8, 3), 'mean squared error in grey levels, this operation alone in int8', 'black')
  largest = max(loss.squared_levels for loss in losses)
  for row, loss in enumerate(losses, 1):
    top, width = row * _ROW, round(_BARS * loss.squared_levels / largest)
    shape = 'x'.join(map(str, loss.operation.shape))
    draw.text((8, top + 3), f'{loss.operation.number:>2} {loss.operation.label} {shape}', 'black')
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
  run = interpreter.get_signature_runner(model_files.SIGNATURE)
  return _LEVELS * (np.concatenate([run(**sample)['pixels'] for _, sample in samples]) + 1)
