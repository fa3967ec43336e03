"""Mends the range that calibration gives to what goes into the last tanh.

Calibration takes the widest values that it sees, say -17 to 17; yet beyond 3.2 a tanh is 1 to half
a grey level. So most of the 256 steps say the same, and the few that differ lie as much as 17 grey
levels apart. Here they are spread over the range that counts. What lies outside saturates, in the
operation before as it would in tanh, so nothing else changes, and nothing gets slower.
"""

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile import flatbuffer

# The 128th step below zero is where tanh, in steps of 1/128, is nearest to -128.
SCALE = math.atanh(127.6 / 128) / 128
_SATURATING = ('CONV_2D', 'DEPTHWISE_CONV_2D', 'FULLY_CONNECTED', 'TRANSPOSE_CONV')


def mend(model: schema.ModelT) -> None:
  """Narrows the range of what each int8 tanh reads, if it is wide and what makes it saturates.

  The converter puts reshapes and depth_to_space after the tanh, so nothing else needs the range.
  """
  graph = model.subgraphs[0]
  makers = {int(operator.outputs[0]): operator for operator in graph.operators}
  for operator in graph.operators:
    maker = makers.get(int(operator.inputs[0]))
    if flatbuffer.operation_name(model, operator) == 'TANH' and maker is not None:
      tensor = graph.tensors[operator.inputs[0]]
      if flatbuffer.operation_name(model, maker) in _SATURATING and _is_wide(tensor):
        tensor.quantization.scale = np.array([SCALE], np.float32)
        tensor.quantization.zeroPoint = np.array([0], np.int64)


def _is_wide(tensor: schema.TensorT) -> bool:
  is_int8 = tensor.type == schema.TensorType.INT8
  return is_int8 and flatbuffer.quantisation(tensor)[0] > SCALE
