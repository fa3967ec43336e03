"""The methods of the REST API: from a path and a body to the body of the reply."""

import json
import re
import time
import urllib.parse
from collections.abc import Callable

from google.protobuf import json_format
from tensorflow_serving.apis import (
  classification_pb2,
  get_model_metadata_pb2,
  get_model_status_pb2,
  model_pb2,
  regression_pb2,
)

from serving.server import json_examples, json_predict, json_text
from serving.server.errors import Code, ServingError, invalid
from serving.server.inference import Inference, TimeLeft
from serving.server.predict import predict_arrays

_VERSION = r'(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?'
_POST = re.compile(
  rf'/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<verb>classify|regress|predict)',
  re.IGNORECASE | re.ASCII,
)
_GET = re.compile(
  rf'/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?P<metadata>/metadata)?', re.IGNORECASE | re.ASCII
)

Work = Callable[[bytes, TimeLeft], bytes]  # a request's body, the time left -> the reply's body


class RestApi:
  """Finds what answers a request; errors are ServingErrors."""

  def __init__(self, inference: Inference) -> None:
    self._inference = inference

  def work(self, method: str, path: str) -> Work:
    """What answers `method` on `path`, which comes with its query and %-codes.

    Raises:
      ServingError: INVALID_ARGUMENT, nothing does.
    """
    if method == 'POST' and (match := _POST.fullmatch(path)):
      return self._counted(match['verb'].lower(), _spec(match))
    if method == 'GET' and (match := _GET.fullmatch(path)):
      if not match['name']:
        raise invalid('Missing model name in request.')
      spec = _spec(match)
      return lambda body, _: self._metadata(spec) if match['metadata'] else self._status(spec)
    raise invalid(f'Malformed request: {method} {path}')

  @property
  def model_names(self) -> list[str]:
    """The models that are served now."""
    return list(self._inference.models.served())

  def metrics_text(self) -> str:
    """What Prometheus reads."""
    return self._inference.metrics.text()

  def _counted(self, verb: str, spec: model_pb2.ModelSpec) -> Work:
    answer = {'predict': self._predict, 'classify': self._classify, 'regress': self._regress}[verb]

    def run(body: bytes, time_left: TimeLeft) -> bytes:
      start_s, status = time.perf_counter(), Code.INTERNAL
      try:
        reply = answer(spec, json_text.parse_object(body), time_left)
        status = Code.OK
      except ServingError as error:
        status = error.code
        raise
      finally:
        self._inference.record(spec, status, time.perf_counter() - start_s, verb, 'REST')
      return reply

    return run

  def _predict(self, spec: model_pb2.ModelSpec, document: dict, time_left: TimeLeft) -> bytes:
    with self._inference.call('Predict', spec, time_left) as call:
      signature = json_predict.signature_of(document, call)
      inputs = json_predict.inputs_of(document, signature)
      outputs = predict_arrays(call, signature, inputs, check_method=self._inference.check_method)
    return json_predict.body(outputs, row=json_predict.is_row(document))

  def _classify(self, spec: model_pb2.ModelSpec, document: dict, time_left: TimeLeft) -> bytes:
    _name_signature(spec, document)
    request = classification_pb2.ClassificationRequest(
      model_spec=spec, input=json_examples.input_of(document)
    )
    return json_examples.classification_body(self._inference.classify(request, time_left).result)

  def _regress(self, spec: model_pb2.ModelSpec, document: dict, time_left: TimeLeft) -> bytes:
    _name_signature(spec, document)
    request = regression_pb2.RegressionRequest(
      model_spec=spec, input=json_examples.input_of(document)
    )
    return json_examples.regression_body(self._inference.regress(request, time_left).result)

  def _status(self, spec: model_pb2.ModelSpec) -> bytes:
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
    return _json_of(self._inference.models.status(request))

  def _metadata(self, spec: model_pb2.ModelSpec) -> bytes:
    request = get_model_metadata_pb2.GetModelMetadataRequest(
      model_spec=spec, metadata_field=['signature_def']
    )
    response = self._inference.models.metadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata['signature_def'].Unpack(signatures)
    spec_text, map_text = _json_of(response.model_spec), _json_of(signatures)
    # TF Serving nests the map in itself.
    return b'{\n"model_spec":%b,\n"metadata": {"signature_def": %b}\n}\n' % (spec_text, map_text)


def error_body(message: str) -> bytes:
  """An error as JSON; bytes that were no UTF-8 in the request are escaped."""
  return json.dumps({'error': message}, ensure_ascii=False).encode('utf-8', 'backslashreplace')


def _spec(match: re.Match) -> model_pb2.ModelSpec:
  """The model, and the version or label, of a path."""
  spec = model_pb2.ModelSpec(name=_unquote(match['name']))
  if match['label']:
    spec.version_label = _unquote(match['label'])
  if match['version']:
    spec.version.value = _number(match['version'])
  return spec


def _name_signature(spec: model_pb2.ModelSpec, document: dict) -> None:
  try:
    spec.signature_name = json_text.signature_name(document)
  except UnicodeEncodeError:
    raise invalid('JSON Parse error: Invalid encoding in string.') from None


def _number(digits: str) -> int:
  significant = digits.lstrip('0') or '0'  # Python refuses thousands of digits, even zeros
  if len(significant) > 19 or int(significant) >= 2**63:
    raise invalid(f'Failed to convert version: {digits} to numeric.')
  return int(significant)


def _unquote(text: str) -> str:
  """A part of a path, in which aiohttp keeps bytes that are no UTF-8 as surrogates."""
  raw = urllib.parse.unquote_to_bytes(text.encode('utf-8', 'surrogateescape'))
  return raw.decode('utf-8', 'replace')


def _json_of(message: object) -> bytes:
  """A message with its own field names, defaults included."""
  return json_format.MessageToJson(
    message,
    preserving_proto_field_name=True,
    always_print_fields_with_no_presence=True,
    indent=1,
  ).encode()
