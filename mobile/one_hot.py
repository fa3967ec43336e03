"""Mends what the converter makes of a label's one-hot encoding: a look-up that comes first.

A ONE_HOT becomes a GATHER of a row of the unit matrix. It computes the same, and more runtimes do
it rightly:

- TensorFlow 2.21's converter gives an INT8 ONE_HOT's `on` and `off` constants scales of their own,
  but its output the scale of what follows, a concatenation with the latent, say. The kernel copies
  the constants' bytes, so a 1 becomes a 3 or so and a 0 becomes -0.4: the label shouts, and no
  checker reports it (https://github.com/tensorflow/tensorflow/pull/27422 leaves scales aside).
- TFLite Micro has no ONE_HOT (https://github.com/tensorflow/tflite-micro/pull/3260).
- A label out of range is an error of the runtime, not a picture of nothing.

A one-hot encoding times a matrix, a learned embedding, becomes an EMBEDDING_LOOKUP by the converter
itself. Its INT8 table has a scale and zero point of its own, too, and the kernel copies the bytes;
so the table is written again as its reader takes it.

Either goes first: between two operations that XNNPACK computes it would make two pieces of one
(mobile/delegation.py). Remove what `test_converter_still_needs_mending` no longer finds; the
GATHER stays until TFLite Micro has ONE_HOT.
"""

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile import flatbuffer, int8

_LOOK_UPS = ('ONE_HOT', 'EMBEDDING_LOOKUP', 'GATHER')
_GATHER_VERSION = 2  # the first that takes INT8


def mend(model: schema.ModelT) -> None:
  """Puts each look-up of an input before all else, and makes one of each ONE_HOT of an input."""
  graph = model.subgraphs[0]
  look_ups = [operator for operator in graph.operators if _is_look_up(model, operator)]
  for operator in look_ups:
    kind = flatbuffer.operation_name(model, operator)
    if kind == 'ONE_HOT':
      _make_gather(model, operator)
    elif kind == 'EMBEDDING_LOOKUP':
      _rewrite_table(model, operator)
  others = [operator for operator in graph.operators if operator not in look_ups]
  graph.operators = look_ups + [operator for operator in others if _is_read(operator, graph)]


def to_gather(model: schema.ModelT) -> None:
  """Makes a GATHER of each EMBEDDING_LOOKUP, for the quantiser.

  It gives table and output of a GATHER the same scale, and leaves them in float32 if told to.
  """
  for operator in model.subgraphs[0].operators:
    if flatbuffer.operation_name(model, operator) == 'EMBEDDING_LOOKUP':
      operator.inputs = operator.inputs[::-1].copy()
      _set_gather_options(operator)
  look_up, gather = schema.BuiltinOperator.EMBEDDING_LOOKUP, schema.BuiltinOperator.GATHER
  for code in model.operatorCodes:
    if code.builtinCode == look_up:
      code.builtinCode = code.deprecatedBuiltinCode = gather


def _is_look_up(model: schema.ModelT, operator: schema.OperatorT) -> bool:
  inputs = set(map(int, model.subgraphs[0].inputs))
  is_of_input = not inputs.isdisjoint(map(int, operator.inputs))
  return is_of_input and flatbuffer.operation_name(model, operator) in _LOOK_UPS


def _make_gather(model: schema.ModelT, operator: schema.OperatorT) -> None:
  """GATHER of unit matrix [K, K] and label [1], instead of ONE_HOT of label and constants."""
  tensors = model.subgraphs[0].tensors
  encoding, label = tensors[operator.outputs[0]], operator.inputs[0]
  table = _add_table(model, np.eye(int(encoding.shape[-1])), encoding)
  operator.inputs = np.array([table, label], np.int32)
  operator.opcodeIndex = _gather_code(model)
  _set_gather_options(operator)


def _set_gather_options(operator: schema.OperatorT) -> None:
  operator.builtinOptionsType = schema.BuiltinOptions.GatherOptions
  operator.builtinOptions = schema.GatherOptionsT()


def _rewrite_table(model: schema.ModelT, operator: schema.OperatorT) -> None:
  """EMBEDDING_LOOKUP of a constant in the type, scale and zero point of its output."""
  graph = model.subgraphs[0]
  label, read = operator.inputs
  table, output = graph.tensors[_widened(model, read)], graph.tensors[operator.outputs[0]]
  contents = model.buffers[table.buffer].data
  if contents is None or _is_alike(table, output):
    return
  scale, zero_point = flatbuffer.quantisation(table)
  values = np.asarray(contents, np.uint8).view(flatbuffer.type_name(table)).astype(np.float32)
  values = ((values - zero_point) * np.float32(scale)).reshape(table.shape)
  operator.inputs = np.array([label, _add_table(model, values, output)], np.int32)


def _widened(model: schema.ModelT, tensor: int) -> int:
  """The float16 constant that a float32 tensor is made of; else the tensor itself."""
  for operator in model.subgraphs[0].operators:
    if tensor in operator.outputs and flatbuffer.operation_name(model, operator) == 'DEQUANTIZE':
      return int(operator.inputs[0])
  return int(tensor)


def _is_alike(table: schema.TensorT, output: schema.TensorT) -> bool:
  """Whether the kernel makes of the table's bytes what they mean."""
  if table.type == output.type:
    return flatbuffer.quantisation(table) == flatbuffer.quantisation(output)
  return table.type == schema.TensorType.INT8  # it multiplies by the scale


def _add_table(model: schema.ModelT, values: np.ndarray, output: schema.TensorT) -> int:
  """Adds a constant whose row k is what `output` is to be for label k; returns its index."""
  if output.type == schema.TensorType.INT8:
    values = int8.coded(values, *flatbuffer.quantisation(output))
  table, tensors = copy.deepcopy(output), model.subgraphs[0].tensors
  table.name = b'label_rows'
  table.shape = np.array(values.shape, np.int32)
  contents = values.astype(flatbuffer.type_name(output)).tobytes()
  table.buffer = flatbuffer.add_buffer(model, contents)
  tensors.append(table)
  return len(tensors) - 1


def _gather_code(model: schema.ModelT) -> int:
  """The index of GATHER among the model's operation codes, added at their end."""
  code = schema.OperatorCodeT()
  code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.GATHER
  code.version = _GATHER_VERSION
  model.operatorCodes.append(code)
  return len(model.operatorCodes) - 1


def _is_read(operator: schema.OperatorT, graph: schema.SubGraphT) -> bool:
  """Whether anything needs the operation: the constants of a ONE_HOT were perhaps dequantised."""
  read = {int(i) for other in graph.operators for i in other.inputs} | set(map(int, graph.outputs))
  return bool(read & set(map(int, operator.outputs)))
