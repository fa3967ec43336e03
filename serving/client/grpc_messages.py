"""Requests as TensorFlow Serving's gRPC messages, and its messages as answers."""

from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from serving.client import protos
from serving.client.errors import ResponseError
from serving.client.messages import (
  Answer,
  Metadata,
  MetadataRequest,
  ModelSpec,
  Prediction,
  PredictRequest,
  Request,
  Signature,
  StatusRequest,
  TensorSpec,
  VersionStatus,
)

_DTYPES = {  # and the field that holds the values
  'DT_FLOAT': (np.float32, 'float_val'),
  'DT_DOUBLE': (np.float64, 'double_val'),
  'DT_INT32': (np.int32, 'int_val'),
  'DT_UINT8': (np.uint8, 'int_val'),
  'DT_INT64': (np.int64, 'int64_val'),
  'DT_STRING': (object, 'string_val'),
}
_NAMES = {np.dtype(dtype): name for name, (dtype, _) in _DTYPES.items()}
_RESPONSES = {
  StatusRequest: ('ModelService/GetModelStatus', protos.GetModelStatusResponse),
  MetadataRequest: ('PredictionService/GetModelMetadata', protos.GetModelMetadataResponse),
  PredictRequest: ('PredictionService/Predict', protos.PredictResponse),
}


def method(request: Request) -> str:
  """The gRPC method that answers a request."""
  return f'/tensorflow.serving.{_RESPONSES[type(request)][0]}'


def encode(request: Request) -> bytes:
  """The message of a request."""
  message = _MESSAGES[type(request)]()
  _write_spec(message.model_spec, request.spec)
  if isinstance(request, MetadataRequest):
    message.metadata_field.append('signature_def')
  elif isinstance(request, PredictRequest):
    message.model_spec.signature_name = request.signature_name
    for name, array in request.inputs.items():
      write_tensor(message.inputs[name], array)
  return message.SerializeToString()


_MESSAGES = {
  StatusRequest: protos.GetModelStatusRequest,
  MetadataRequest: protos.GetModelMetadataRequest,
  PredictRequest: protos.PredictRequest,
}


def decode(request: Request, reply: bytes, address: str) -> Answer:
  """The answer in a message.

  Raises:
    ResponseError: no message of the kind, or a tensor that can't be read.
  """
  try:
    return _answer(request, reply)
  except (DecodeError, KeyError, ValueError) as error:
    raise ResponseError(
      f'{address}: the reply is not one of TensorFlow Serving: {error}.'
      ' Check that this is TensorFlow Serving, and the port of the protocol.'
    ) from error


def _answer(request: Request, reply: bytes) -> Answer:
  message = _RESPONSES[type(request)][1].FromString(reply)
  if isinstance(request, StatusRequest):
    return tuple(_status(status) for status in message.model_version_status)
  version = message.model_spec.version.value
  if isinstance(request, PredictRequest):
    outputs = {name: read_tensor(name, tensor) for name, tensor in message.outputs.items()}
    return Prediction(version=version, outputs=outputs)
  signatures = protos.SignatureDefMap.FromString(message.metadata['signature_def'].value)
  return Metadata(
    version=version,
    signatures={name: _signature(found) for name, found in signatures.signature_def.items()},
  )


def write_tensor(tensor: Any, array: np.ndarray) -> None:
  """Fills a TensorProto with an array of numbers."""
  tensor.dtype = protos.DATA_TYPES.values_by_name[_NAMES[array.dtype]].number
  for size in array.shape:
    tensor.tensor_shape.dim.add(size=size)
  tensor.tensor_content = array.astype(array.dtype.newbyteorder('<'), copy=False).tobytes()


def read_tensor(name: str, tensor: Any) -> np.ndarray:
  """The array in a TensorProto; strings are objects.

  Raises:
    ValueError: a tensor whose values do not fit its shape, or of a type that is not read.
  """
  dtype_name = _dtype_name(tensor.dtype)
  if dtype_name not in _DTYPES:
    raise ValueError(f'output {name} is {dtype_name}, which this client does not read')
  dtype, field = _DTYPES[dtype_name]
  if tensor.tensor_content:
    values = np.frombuffer(tensor.tensor_content, np.dtype(dtype).newbyteorder('<'))
  else:
    values = np.array(getattr(tensor, field), dtype)
  shape = [dim.size for dim in tensor.tensor_shape.dim]
  return values.astype(dtype, copy=False).reshape(shape)


def _write_spec(message: Any, spec: ModelSpec) -> None:
  message.name = spec.name
  if spec.version is not None:
    message.version.value = spec.version
  elif spec.version_label is not None:
    message.version_label = spec.version_label


def _status(message: Any) -> VersionStatus:
  return VersionStatus(
    version=message.version,
    state=protos.STATES.values_by_number[message.state].name,
    error=message.status.error_message,
  )


def _signature(message: Any) -> Signature:
  return Signature(
    inputs={name: _spec(info) for name, info in message.inputs.items()},
    outputs={name: _spec(info) for name, info in message.outputs.items()},
  )


def _spec(info: Any) -> TensorSpec:
  shape = info.tensor_shape
  return TensorSpec(
    dtype=_dtype_name(info.dtype),
    shape=None if shape.unknown_rank else tuple(dim.size for dim in shape.dim),
  )


def _dtype_name(number: int) -> str:
  value = protos.DATA_TYPES.values_by_number.get(number)
  return value.name if value else f'data type {number}'
