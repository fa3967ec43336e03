"""The end of generator_f32.tflite, from images to grey levels: taken off, put on again."""

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile import flatbuffer

_OPERATIONS = ('ADD', 'MUL', 'ROUND', 'CAST')  # RESHAPE among them, where all before was flat


def take_off(model: schema.ModelT) -> None:
  """Ends the model in tanh, as the INT8 files do.

  Raises:
    ValueError: it does not end in these operations.
  """
  graph, tail = model.subgraphs[0], _tail(model)
  body = graph.operators[: -len(tail)]
  _end_in(model, int(tail[0].inputs[0]))
  used = sorted({operator.opcodeIndex for operator in body})
  model.operatorCodes = [model.operatorCodes[index] for index in used]
  for operator in body:
    operator.opcodeIndex = used.index(operator.opcodeIndex)
  graph.operators = body


def put_on(model: schema.ModelT, source: schema.ModelT) -> None:
  """Ends a model of images in grey levels, by the operations that end `source`."""
  tensors, tail = model.subgraphs[0].tensors, _tail(source)
  places = {int(tail[0].inputs[0]): int(model.subgraphs[0].outputs[0])}  # there: here

  def place(index: int) -> int:
    if index not in places:
      tensor = copy.deepcopy(source.subgraphs[0].tensors[index])
      contents = source.buffers[tensor.buffer].data
      tensor.buffer = 0 if contents is None else flatbuffer.add_buffer(model, contents.tobytes())
      places[index] = len(tensors)
      tensors.append(tensor)
    return places[index]

  for operator in map(copy.deepcopy, tail):
    operator.inputs = np.array([place(int(index)) for index in operator.inputs], np.int32)
    operator.outputs = np.array([place(int(index)) for index in operator.outputs], np.int32)
    model.operatorCodes.append(source.operatorCodes[operator.opcodeIndex])
    operator.opcodeIndex = len(model.operatorCodes) - 1
    model.subgraphs[0].operators.append(operator)
  _end_in(model, place(int(tail[-1].outputs[0])))


def _tail(model: schema.ModelT) -> list[schema.OperatorT]:
  operators = model.subgraphs[0].operators
  kinds = [flatbuffer.operation_name(model, operator) for operator in operators]
  length = kinds[::-1].index(_OPERATIONS[0]) + 1 if _OPERATIONS[0] in kinds else len(_OPERATIONS)
  if tuple(kind for kind in kinds[-length:] if kind != 'RESHAPE') != _OPERATIONS:
    raise ValueError(
      f'the model ends in {", ".join(kinds[-length:])}, not {", ".join(_OPERATIONS)} (grey_tail).'
      ' Pass the generator_f32.tflite of the export_tflite stage.'
    )
  return operators[-length:]


def _end_in(model: schema.ModelT, tensor: int) -> None:
  model.subgraphs[0].outputs = [tensor]
  model.signatureDefs[0].outputs[0].tensorIndex = tensor
