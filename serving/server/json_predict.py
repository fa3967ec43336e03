"""Bodies of REST Predict calls: rows (`instances`, `predictions`) or columns (`inputs`, `outputs`).

Source: https://www.tensorflow.org/tfx/serving/api_rest#predict_api.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from serving.server import json_tensor, json_text
from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import DEFAULT_SIGNATURE, Arrays, Call, shape_text

_Infos = dict[str, TensorInfo]  # no map of a message: those raise on a name that is not UTF-8
_Object = dict[str, Any]


def signature_of(document: _Object, call: Call) -> SignatureDef:
  """The signature that a request asks for.

  Raises:
    ServingError: INVALID_ARGUMENT, it is not a string or not in the model.
  """
  name = json_text.signature_name(document)
  try:
    signature = call.signature(name)
  except ServingError:
    name = name or DEFAULT_SIGNATURE
    raise invalid(f'Serving signature name: "{name}" not found in signature def') from None
  if not signature.inputs:
    raise invalid(f'Failed to get input map for signature: {name or "DEFAULT"}')
  return signature


def is_row(document: _Object) -> bool:
  """Whether a request is in row format.

  Raises:
    ServingError: INVALID_ARGUMENT, it is in neither or in both.
  """
  if 'instances' in document and 'inputs' in document:
    raise json_text.format_error(
      document,
      "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
    )
  if 'instances' not in document and 'inputs' not in document:
    raise invalid("Missing 'inputs' or 'instances' key")
  return 'instances' in document


def inputs_of(document: _Object, signature: SignatureDef) -> Arrays:
  """The tensors of a request, one for each input of the signature.

  Raises:
    ServingError: INVALID_ARGUMENT or UNIMPLEMENTED, as `json_tensor.to_array`.
  """
  infos = dict(signature.inputs)
  if not is_row(document):
    return _columns(document['inputs'], infos)
  instances = document['instances']
  if not isinstance(instances, list):
    raise json_text.format_error(document, "Excepting 'instances' to be an list/array")
  if not instances:
    raise json_text.format_error(document, "No values in 'instances' array")
  return _rows(instances, infos)


def body(outputs: Arrays, *, row: bool) -> bytes:
  """The reply; a single output goes without its name.

  Raises:
    ServingError: INVALID_ARGUMENT, rows do not fit the outputs' shapes, or JSON their types.
  """
  if not outputs:
    raise invalid('Cannot convert empty tensor map to JSON')
  texts = {name: json_tensor.texts(name, array) for name, array in sorted(outputs.items())}
  if row:
    reply = f'{{"predictions": {_row_texts(outputs, texts)}}}'
  else:
    columns = {name: json_tensor.nested(texts[name], outputs[name].shape) for name in texts}
    reply = f'{{"outputs": {_named(columns)}}}'
  return reply.encode()


def _row_texts(outputs: Arrays, texts: Mapping[str, list[str]]) -> str:
  rows = []
  for i in range(_batch_size(outputs)):
    row = {}
    for name, values in texts.items():
      size, shape = len(values) // len(outputs[name]), outputs[name].shape[1:]
      row[name] = json_tensor.nested(values[i * size : (i + 1) * size], shape)
    rows.append(_named(row))
  return f'[{", ".join(rows)}]'


def _named(texts: Mapping[str, str]) -> str:
  if len(texts) == 1:
    return next(iter(texts.values()))
  return '{' + ', '.join(f'{json.dumps(name)}: {text}' for name, text in texts.items()) + '}'


def _batch_size(outputs: Arrays) -> int:
  batch_size = -1
  for name, array in sorted(outputs.items()):
    if not array.ndim:
      raise invalid(f'Tensor name: {name} has no shape information ')
    if not len(array):
      raise invalid(f'Tensor name: {name} has invalid batch size: 0')
    if batch_size not in (-1, len(array)):
      raise invalid(
        f'Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch_size}'
      )
    batch_size = len(array)
  return batch_size


def _columns(value: Any, infos: _Infos) -> Arrays:
  if not isinstance(value, dict) or json_tensor.is_base64(value):
    if len(infos) > 1:
      raise invalid(
        'inputs is a plain value/list, but expecting an object as multiple input tensors required'
        ' as per tensorinfo_map'
      )
    value = dict.fromkeys(infos, value)
  for name in sorted(infos):
    if name not in value:
      raise invalid(f"Missing named input: {name} in 'inputs' object.")
  return {name: json_tensor.to_array(value[name], infos[name].dtype) for name in sorted(infos)}


def _rows(instances: list[Any], infos: _Infos) -> Arrays:
  if not isinstance(instances[0], dict) and len(infos) > 1:
    raise invalid(
      'instances is a plain list, but expecting list of objects as multiple input tensors required'
      ' as per tensorinfo_map'
    )
  columns = _transpose(instances, infos)
  if columns is not None:
    arrays = {name: json_tensor.dense(columns[name], infos[name].dtype) for name in infos}
    if all(array is not None for array in arrays.values()):
      return {name: array for name, array in arrays.items() if array is not None}
  raise _first_error(instances, infos)


def _transpose(instances: list[Any], infos: _Infos) -> Mapping[str, list[Any]] | None:
  """Rows to columns; None if a row has other keys than the signature has inputs."""
  if not _is_object(instances[0]):
    return dict.fromkeys(infos, instances)
  if all(_is_object(row) and row.keys() == set(infos) for row in instances):
    return {name: [row[name] for row in instances] for name in infos}
  return None


def _is_object(element: Any) -> bool:
  return isinstance(element, dict) and not json_tensor.is_base64(element)


def _first_error(instances: list[Any], infos: _Infos) -> ServingError:
  """What is wrong with the first wrong row."""
  shapes: dict[str, list[int]] = {}
  objects = _is_object(instances[0])
  for i, element in enumerate(instances):
    if _is_object(element) != objects:
      found = 'object but got list' if objects else 'value/list but got object'
      return invalid(f'Expecting {found} at item {i} of input list')
    row = element if objects else dict.fromkeys(infos, element)
    for name, value in row.items():
      error = _item_error(name, value, infos, shapes)
      if error is not None:
        where = f'{i} key: {name}' if objects else f'{i}'
        return _in_instances(where, error)
    if row.keys() != set(infos):
      return invalid(
        f"Failed to process element: {i} of 'instances' list. JSON object:"
        f' {json_text.text(element)} keys must be equal to: {",".join(sorted(infos))}'
      )
  raise AssertionError('dense() refused rows in which there is nothing wrong')


def _in_instances(where: str, error: ServingError) -> ServingError:
  message = f"Failed to process element: {where} of 'instances' list. Error: {error}"
  return ServingError(
    error.code if error.code is Code.UNIMPLEMENTED else Code.INVALID_ARGUMENT, message
  )


def _item_error(
  name: str, value: Any, infos: _Infos, shapes: dict[str, list[int]]
) -> ServingError | None:
  if name not in infos:
    return invalid(f'JSON object: does not have named input: {name}')
  shape = json_tensor.shape_of(value)
  for error in json_tensor.errors_in(value, shape, infos[name].dtype):
    return error
  expected = shapes.setdefault(name, shape)
  if np.prod(shape) != np.prod(expected):
    return invalid(
      f'Expecting tensor size: {np.prod(expected, dtype=int)} but got: {np.prod(shape, dtype=int)}'
    )
  if shape != expected:
    return invalid(f'Expecting shape {shape_text(expected)} but got: {shape_text(shape)}')
  return None
