"""generator_f32.tflite in int8 again, with any of its operations left in float32.

The converter's own quantiser does it, from the file alone: no network, no checkpoint is needed.
"""

import dataclasses
from collections.abc import Collection, Iterator

from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python import convert as converter
from tensorflow.lite.python.optimize.calibrator import Calibrator

from mobile import flatbuffer, gan_info, grey_tail, mending, native_log, one_hot
from mobile.calibration import Calibration

TOGETHER = ('TRANSPOSE_CONV',)  # in float32 only where all operations of the kind are


@dataclasses.dataclass(frozen=True)
class Operation:
  """One operation of the file."""

  number: int  # in the order of the file
  kind: str  # such as 'CONV_2D'
  shape: tuple[int, ...]  # of its output, without the batch
  tensor: str  # name of its output

  @property
  def label(self) -> str:
    """What is in int8 where this operation is."""
    return f'all {self.kind}' if self.kind in TOGETHER else self.kind


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
    self._file = model
    parsed = flatbuffer.parse(model)
    grey_tail.take_off(parsed)
    one_hot.to_gather(parsed)
    self.float_model = flatbuffer.pack(parsed)
    self.operations = tuple(_operations(parsed))
    with native_log.caught():
      self._calibrated = Calibrator(self.float_model).calibrate(lambda: iter(calibration))

  def quantized(self, float_operations: Collection[int] = ()) -> bytes:
    """The model in int8 but for the operations of these numbers.

    Kinds that are `TOGETHER` are in int8 where one of their operations is.

    Returns:
      A .tflite file: latent float32 (, label int32) -> pixels float32 [1, H, W, C] in [-1, 1].
    """
    return flatbuffer.pack(self._quantized(float_operations))

  def exported(self, float_operations: Collection[int]) -> bytes:
    """The same as a file for apps, in place of generator.tflite.

    Returns:
      A .tflite file with GAN_INFO: latent float32 (, label int32) -> pixels uint8 [1, H, W, C].
    """
    model = self._quantized(float_operations)
    grey_tail.put_on(model, flatbuffer.parse(self._file))
    gan_info.attach(model, gan_info.read(self._file))
    return flatbuffer.pack(model)

  def _quantized(self, float_operations: Collection[int]) -> schema.ModelT:
    kept = {self.operations[number] for number in float_operations}
    in_int8 = {each.kind for each in self.operations if each not in kept}
    # The quantiser renames the operations of some kinds before it looks for these names.
    kinds = sorted({each.kind for each in kept} - in_int8)
    with native_log.caught():
      model = converter.mlir_quantize(
        self._calibrated, denylisted_ops=kinds, denylisted_nodes=[each.tensor for each in kept]
      )
    return mending.mended(model)


def _operations(model: schema.ModelT) -> Iterator[Operation]:
  graph = model.subgraphs[0]
  for number, operator in enumerate(graph.operators):
    output = graph.tensors[operator.outputs[0]]
    kind, shape = flatbuffer.operation_name(model, operator), tuple(map(int, output.shape[1:]))
    yield Operation(number, kind, shape, output.name.decode())
