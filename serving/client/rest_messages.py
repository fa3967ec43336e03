"""Requests as TensorFlow Serving's REST calls, and its JSON as answers."""

import base64
import json
import urllib.parse
from typing import Any

import numpy as np

from serving.client.errors import ResponseError
from serving.client.messages import (
  Answer,
  Metadata,
  MetadataRequest,
  ModelSpec,
  Prediction,
  Request,
  Signature,
  StatusRequest,
  TensorSpec,
  VersionStatus,
)

_DTYPES = {
  'DT_FLOAT': np.float32,
  'DT_DOUBLE': np.float64,
  'DT_INT32': np.int32,
  'DT_UINT8': np.uint8,
  'DT_INT64': np.int64,
}
_STATUS_NAMES = {  # HTTP's, as TensorFlow Serving uses them
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}


def encode(request: Request) -> tuple[str, str, bytes]:
  """HTTP method, path and body of a request."""
  path = _path(request.spec)
  if isinstance(request, StatusRequest):
    return 'GET', path, b''
  if isinstance(request, MetadataRequest):
    return 'GET', f'{path}/metadata', b''
  inputs = {name: array.tolist() for name, array in request.inputs.items()}
  body = {'signature_name': request.signature_name, 'inputs': inputs}
  return 'POST', f'{path}:predict', json.dumps(body).encode()


def decode(request: Request, reply: bytes, address: str) -> Answer:
  """The answer in the body of a reply.

  Raises:
    ResponseError: no JSON, or not that of an answer to this request.
  """
  try:
    document = json.loads(reply)
    if isinstance(request, StatusRequest):
      return tuple(_status(found) for found in document['model_version_status'])
    if isinstance(request, MetadataRequest):
      return _metadata(document)
    return Prediction(version=None, outputs=_outputs(request.signature, document['outputs']))
  except (KeyError, TypeError, ValueError, AttributeError) as error:
    raise ResponseError(
      f'{address}: the reply is not one of TensorFlow Serving: {reply[:200]!r}.'
      ' Check that this is TensorFlow Serving, and the port of the protocol.'
    ) from error


def error_of(status: int, reply: bytes) -> tuple[str, str]:
  """Name of the gRPC status, and text, of a reply that is an error."""
  try:
    text = str(json.loads(reply)['error'])
  except (KeyError, TypeError, ValueError):
    return 'UNAVAILABLE' if status == 503 else 'UNIMPLEMENTED', f'HTTP status {status}'
  return _STATUS_NAMES.get(status, f'HTTP status {status}'), text


def _path(spec: ModelSpec) -> str:
  path = f'/v1/models/{urllib.parse.quote(spec.name, safe="")}'
  if spec.version is not None:
    return f'{path}/versions/{spec.version}'
  if spec.version_label is not None:
    return f'{path}/labels/{urllib.parse.quote(spec.version_label, safe="")}'
  return path


def _status(found: dict[str, Any]) -> VersionStatus:
  return VersionStatus(
    version=int(found['version']),
    state=found['state'],
    error=found.get('status', {}).get('error_message', ''),
  )


def _metadata(document: dict[str, Any]) -> Metadata:
  signatures = document['metadata']['signature_def']['signature_def']
  return Metadata(
    version=int(document['model_spec']['version']),
    signatures={
      name: Signature(inputs=_specs(found['inputs']), outputs=_specs(found['outputs']))
      for name, found in signatures.items()
    },
  )


def _specs(found: dict[str, Any]) -> dict[str, TensorSpec]:
  return {name: _spec(info['dtype'], info['tensor_shape']) for name, info in found.items()}


def _spec(dtype: str, shape: dict[str, Any]) -> TensorSpec:
  sizes = tuple(int(dim['size']) for dim in shape['dim'])
  return TensorSpec(dtype=dtype, shape=None if shape.get('unknown_rank') else sizes)


def _outputs(signature: Signature, found: Any) -> dict[str, np.ndarray]:
  """Outputs by name; a single one comes without its name."""
  names = list(signature.outputs)
  values = {names[0]: found} if len(names) == 1 else found
  return {name: _array(signature.outputs[name].dtype, values[name]) for name in names}


def _array(dtype: str, values: Any) -> np.ndarray:
  if dtype != 'DT_STRING':
    return np.array(values, _DTYPES[dtype])
  array = np.empty(len(values), object)
  array[:] = [base64.b64decode(value['b64'], validate=True) for value in values]
  return array
