"""TFLite files as objects that can be changed, and back to bytes.

Python's own packer lets constants lie anywhere. The schema asks for multiples of 16 bytes
(`force_align` of Buffer.data), which let a runtime use a mapped file in place; `pack` obeys, and
seals what it makes.
"""

import struct

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile import seal

_FILE_IDENTIFIER = b'TFL3'
_ALIGNMENT = 16


def parse(model: bytes) -> schema.ModelT:
  """A model's contents; arrays in it are read-only views.

  Raises:
    ValueError: the bytes are no TFLite model, or not all of one.
  """
  if model[4:8] != _FILE_IDENTIFIER:
    raise ValueError('these bytes are no TFLite model. Pass the contents of a .tflite file.')
  try:
    return schema.ModelT.InitFromPackedBuf(model, 0)
  except (struct.error, TypeError, ValueError) as error:  # offsets that lead out of the bytes
    raise ValueError('this TFLite model is cut short or damaged. Copy the file again.') from error


def pack(model: schema.ModelT) -> bytes:
  """The inverse of `parse`; the bytes end in their own digest."""
  buffers = model.buffers
  model.buffers = [_AlignedBuffer(buffer) for buffer in buffers]
  try:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
  finally:
    model.buffers = buffers
  return seal.sealed(bytes(builder.Output()))


def add_buffer(model: schema.ModelT, contents: bytes) -> int:
  """Adds a constant; returns its index among the buffers."""
  buffer = schema.BufferT()
  buffer.data = np.frombuffer(contents, np.uint8)
  model.buffers.append(buffer)
  return len(model.buffers) - 1


def signature_tensors(model: schema.ModelT) -> dict[str, schema.TensorT]:
  """Inputs and outputs of the first signature, by name."""
  signature, graph = model.signatureDefs[0], model.subgraphs[0]
  entries = [*signature.inputs, *signature.outputs]
  return {entry.name.decode(): graph.tensors[entry.tensorIndex] for entry in entries}


def quantisation(tensor: schema.TensorT) -> tuple[float, int]:
  """Scale and zero point of a tensor; 1 and 0 if it is not quantised."""
  parameters = tensor.quantization
  if parameters is None or parameters.scale is None or not len(parameters.scale):
    return 1.0, 0
  return float(parameters.scale[0]), int(parameters.zeroPoint[0])


def type_name(tensor: schema.TensorT) -> str:
  """The NumPy name of a tensor's type, such as 'float32'."""
  return _name(schema.TensorType, tensor.type).lower()


def operation_name(model: schema.ModelT, operator: schema.OperatorT) -> str:
  """The name of an operation, such as 'CONV_2D'."""
  code = model.operatorCodes[operator.opcodeIndex]
  # The older field holds codes below 127, for runtimes that know no other.
  return _name(schema.BuiltinOperator, max(code.builtinCode, code.deprecatedBuiltinCode))


def _name(enumeration: type, value: int) -> str:
  return next(key for key, known in vars(enumeration).items() if known == value)


class _AlignedBuffer:
  """A constant that packs itself at a multiple of 16 bytes."""

  def __init__(self, buffer: schema.BufferT) -> None:
    self._data = None if buffer.data is None else np.asarray(buffer.data, np.uint8).tobytes()

  def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - called by generated code
    """Writes the buffer; returns its offset."""
    vector = None if self._data is None else self._write(builder, self._data)
    schema.BufferStart(builder)
    if vector is not None:
      schema.BufferAddData(builder, vector)
    return schema.BufferEnd(builder)

  @staticmethod
  def _write(builder: flatbuffers.Builder, data: bytes) -> int:
    builder.StartVector(1, len(data), _ALIGNMENT)
    head = builder.head - len(data)
    builder.head = head
    builder.Bytes[head : head + len(data)] = data
    return builder.EndVector()
