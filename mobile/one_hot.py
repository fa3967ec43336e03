"""Mends how the INT8 converter quantises one-hot encodings.

TensorFlow 2.21's converter gives ONE_HOT's `on` and `off` constants scales of their own, but its
output the scale of what follows, a concatenation with the latent, say. The kernel copies the
constants' bytes, so a 1 becomes a 3 or so and a 0 becomes -0.4: the label shouts, and no checker
reports it (the kernel's INT8 support, https://github.com/tensorflow/tensorflow/pull/27422, leaves
scales aside). This module gives the constants the output's scale. It changes nothing in a model
that is right already; remove it when `test_converter_still_needs_mending` fails.
"""

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile import flatbuffer

_ON, _OFF = 2, 3  # positions among ONE_HOT's inputs


def mend(model: schema.ModelT) -> None:
  """Gives each INT8 ONE_HOT in the model constants of its output's scale."""
  for graph in model.subgraphs:
    for operator in graph.operators:
      output = graph.tensors[operator.outputs[0]]
      if flatbuffer.operation_name(model, operator) != 'ONE_HOT':
        continue
      if output.type != schema.TensorType.INT8:
        continue
      operator.inputs = operator.inputs.copy()  # what was parsed is a read-only view
      for position in (_ON, _OFF):
        constant = graph.tensors[operator.inputs[position]]
        operator.inputs[position] = len(graph.tensors)
        graph.tensors.append(_requantised(model, constant, output))


def _requantised(
  model: schema.ModelT, constant: schema.TensorT, output: schema.TensorT
) -> schema.TensorT:
  """A new constant, since other operations may share the old one."""
  raw = np.asarray(model.buffers[constant.buffer].data, np.uint8).view(np.int8)
  scale, zero_point = flatbuffer.quantisation(constant)
  value = (raw.astype(np.float64) - zero_point) * scale
  scale, zero_point = flatbuffer.quantisation(output)
  code = np.clip(np.round(value / scale) + zero_point, -128, 127).astype(np.int8)
  tensor = copy.deepcopy(constant)
  tensor.buffer = flatbuffer.add_buffer(model, code.tobytes())
  tensor.quantization = copy.deepcopy(output.quantization)
  return tensor
