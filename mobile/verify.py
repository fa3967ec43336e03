"""Reads a model file and says in what it departs from the contract.

A converter may keep an operation in float32 inside an "INT8" model, leave a size open, choose its
own scale for the output, or write an operation that XNNPACK can not compute, and say nothing. Any
of these makes the phone slow or the picture wrong.
"""

from ai_edge_litert import schema_py_generated as schema

from mobile import delegation, flatbuffer
from mobile.model_files import SIGNATURE

# Types of the files' latent and pixels; all have label int32.
FLOAT_IO, INT8_IO = ('float32', 'uint8'), ('int8', 'int8')
_FLOATS = ('float16', 'float32', 'float64', 'bfloat16')
_KINDS = {'int8': 'dynamic', 'float16': 'f16'}  # by a type that some of the tensors have
_ZERO_POINTS = {'uint8': 128, 'int8': 0}


def kind(model: bytes) -> str:
  """What a model computes in.

  Args:
    model: a .tflite file's bytes.

  Returns:
    'int8': nothing but the latent input is floating point. 'dynamic': int8 weights, the rest in
    float32. 'f16': weights in float16, the rest in float32. 'f32'.
  """
  parsed = flatbuffer.parse(model)
  if not _float_problems(parsed):
    return 'int8'
  types = {flatbuffer.type_name(tensor) for tensor in parsed.subgraphs[0].tensors}
  return next((kind for name, kind in _KINDS.items() if name in types), 'f32')


def problems(
  model: bytes,
  *,
  latent_size: int,
  num_classes: int,
  image_shape: tuple[int, int, int],
  io_types: tuple[str, str],
  is_int8: bool,
) -> list[str]:
  """One line for each departure; none for a model that keeps the contract.

  Args:
    model: a .tflite file's bytes.
    latent_size: Z.
    num_classes: K; 0 for a model without label.
    image_shape: H, W, C.
    io_types: of latent and pixels.
    is_int8: whether nothing but the latent input may be floating point.
  """
  parsed = flatbuffer.parse(model)
  keys = [s.signatureKey.decode() for s in parsed.signatureDefs or []]
  if keys != [SIGNATURE] or len(parsed.subgraphs) != 1:
    return [f'signatures are {keys} in {len(parsed.subgraphs)} graphs, not {SIGNATURE!r} in one']
  wanted = {'latent': ([1, latent_size], io_types[0]), 'pixels': ([1, *image_shape], io_types[1])}
  if num_classes:
    wanted['label'] = ([1], 'int32')
  found = _signature_problems(parsed, wanted)
  if is_int8 and not found:
    found = _float_problems(parsed) + _scale_problems(parsed)
  return found or delegation.problems(model)


def _signature_problems(
  model: schema.ModelT, wanted: dict[str, tuple[list[int], str]]
) -> list[str]:
  tensors = flatbuffer.signature_tensors(model)
  if set(tensors) != set(wanted):
    return [f'signature {SIGNATURE!r} has {sorted(tensors)}, not {sorted(wanted)}']
  found = []
  for name, (shape, dtype) in wanted.items():
    tensor = tensors[name]
    got = (list(map(int, tensor.shape)), flatbuffer.type_name(tensor))
    if got != (shape, dtype):
      found.append(f'{name} is {got[1]} {got[0]}, not {dtype} {shape}')
  signatures = (tensor.shapeSignature for tensor in model.subgraphs[0].tensors)
  if any(s is not None and -1 in s for s in signatures):
    found.append('a tensor has a size that is not fixed')
  return found


def _float_problems(model: schema.ModelT) -> list[str]:
  """Operations that read or write floating point, but for the one that quantises the latent."""
  graph, found = model.subgraphs[0], []
  inputs = set(map(int, graph.inputs))
  for operator in graph.operators:
    name = flatbuffer.operation_name(model, operator)
    for index in [*operator.inputs, *operator.outputs]:
      is_float = index >= 0 and flatbuffer.type_name(graph.tensors[index]) in _FLOATS
      if is_float and not (name == 'QUANTIZE' and int(index) in inputs):
        found.append(f'{name} computes in float ({graph.tensors[index].name.decode()})')
        break
  return found


def _scale_problems(model: schema.ModelT) -> list[str]:
  """The bytes are the pixels only if the output's scale is 1/128 about the middle grey."""
  pixels = flatbuffer.signature_tensors(model)['pixels']
  scale, zero_point = flatbuffer.quantisation(pixels)
  if (scale, zero_point) != (1 / 128, _ZERO_POINTS[flatbuffer.type_name(pixels)]):
    return [
      f'pixels have scale {scale:g} and zero point {zero_point}, so bytes are no grey levels;'
      ' end the generator in tanh'
    ]
  return []
