"""generator_f32.tflite in int8 again, with any of its operations left in float32.

The converter's own quantiser does it, from the file alone: no network, no checkpoint is needed.
"""

import dataclasses
from collections.abc import Collection, Iterator

from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python import convert as converter
from tensorflow.lite.python.optimize.calibrator import Calibrator

from mobile import flatbuffer, mending, native_log
from mobile.calibration import Calibration

_RESCALING = ('ADD', 'MUL', 'ROUND', 'CAST')  # from tanh to grey levels, the file's last operations


@dataclasses.dataclass(frozen=True)
class Operation:
  """One operation of the file."""

  number: int  # in the order of the file
  kind: str  # such as 'CONV_2D'
  shape: tuple[int, ...]  # of its output, without the batch
  tensor: str  # name of its output


class Requantizer:
  """A float32 file, calibrated once."""

  def __init__(self, model: bytes, calibration: Calibration) -> None:
    """Calibrates.

    Args:
      model: contents of generator_f32.tflite.
      calibration: a few hundred samples.

    Raises:
      ValueError: another file.
    """
    parsed = flatbuffer.parse(model)
    _cut(parsed)
    self.float_model = flatbuffer.pack(parsed)
    self.operations = tuple(_operations(parsed))
    with native_log.caught():
      self._calibrated = Calibrator(self.float_model).calibrate(lambda: iter(calibration))

  def quantized(self, float_operations: Collection[int] = ()) -> bytes:
    """The model in int8 but for the operations of these numbers.

    Returns:
      A .tflite file: latent float32 (, label int32) -> pixels float32 [1, H, W, C] in [-1, 1].
    """
    kept = [self.operations[number].tensor for number in float_operations]
    with native_log.caught():
      model = converter.mlir_quantize(self._calibrated, denylisted_nodes=kept)
    return flatbuffer.pack(mending.mended(model))


def _cut(model: schema.ModelT) -> None:
  """Ends the model in tanh, as the INT8 files do, in place of grey levels."""
  graph = model.subgraphs[0]
  body, tail = graph.operators[: -len(_RESCALING)], graph.operators[-len(_RESCALING) :]
  kinds = tuple(flatbuffer.operation_name(model, operator) for operator in tail)
  if kinds != _RESCALING:
    raise ValueError(
      f'the model ends in {", ".join(kinds)}, not {", ".join(_RESCALING)} (requantization).'
      ' Pass the generator_f32.tflite of the export_tflite stage.'
    )
  images = int(tail[0].inputs[0])
  graph.operators, graph.outputs = body, [images]
  model.signatureDefs[0].outputs[0].tensorIndex = images
  used = sorted({operator.opcodeIndex for operator in body})
  model.operatorCodes = [model.operatorCodes[index] for index in used]
  for operator in body:
    operator.opcodeIndex = used.index(operator.opcodeIndex)


def _operations(model: schema.ModelT) -> Iterator[Operation]:
  graph = model.subgraphs[0]
  for number, operator in enumerate(graph.operators):
    output = graph.tensors[operator.outputs[0]]
    kind, shape = flatbuffer.operation_name(model, operator), tuple(map(int, output.shape[1:]))
    yield Operation(number, kind, shape, output.name.decode())
