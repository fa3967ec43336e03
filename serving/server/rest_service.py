"""The REST API. The event loop only moves bytes: parsing and computing happen in a thread pool."""

import asyncio
import json
import logging
import re
import urllib.parse
import zlib
from collections.abc import Callable
from concurrent import futures

from aiohttp import web
from google.protobuf import json_format
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  model_pb2,
)

from serving.server import json_predict, json_text
from serving.server.errors import HTTP_STATUS, Code, ServingError, invalid
from serving.server.models import Models
from serving.server.predict import predict_arrays

_VERSION = r'(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?'
_API = re.compile(r'/v1/.*', re.IGNORECASE | re.DOTALL)
_POST = re.compile(
  rf'/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<verb>classify|regress|predict)',
  re.IGNORECASE | re.ASCII,
)
_GET = re.compile(
  rf'/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?P<metadata>/metadata)?', re.IGNORECASE | re.ASCII
)
_MAX_BODY_BYTES = 2**31 - 1  # as gRPC's
_MAX_INFLATED_BYTES = 100 * 2**20
_BODY_TIMEOUT_S = 60.0  # for a body to arrive, not for its computation
_log = logging.getLogger(__name__)


class RestService:
  """Answers HTTP requests for `models`, at most `num_threads` at once."""

  def __init__(
    self,
    models: Models,
    num_threads: int,
    timeout_s: float | None,
    body_timeout_s: float = _BODY_TIMEOUT_S,
  ) -> None:
    self._models, self._timeout_s, self._body_timeout_s = models, timeout_s, body_timeout_s
    self._pool = futures.ThreadPoolExecutor(num_threads, thread_name_prefix='rest')

  def runner(self, grace_s: float) -> web.AppRunner:
    """The HTTP server without ports; requests that run when it is stopped get `grace_s`."""
    application = web.Application(client_max_size=_MAX_BODY_BYTES)
    application.router.add_route('*', '/{path:.*}', self._handle)
    return web.AppRunner(
      application,
      access_log=None,
      auto_decompress=False,
      shutdown_timeout=grace_s,
      lingering_time=1.0,
    )

  async def _handle(self, request: web.Request) -> web.Response:
    path = request.raw_path  # with its query and %-codes, as the patterns want it
    if not _API.fullmatch(path):
      return web.Response(status=404, text='Not Found')
    try:
      body = await asyncio.wait_for(request.read(), self._body_timeout_s)
      gzipped = 'gzip' in request.headers.get('Content-Encoding', '')
      work = self._work(request.method, path)
      return _reply(200, await self._in_pool(work, body, gzipped))
    except ServingError as error:
      return _reply(HTTP_STATUS[error.code], error_body(error.message))
    except TimeoutError:  # it comes too slowly, or a part of it was no HTTP
      response = _reply(408, error_body('The body of the request did not arrive in time.'))
      response.force_close()
      return response
    except web.HTTPException as error:
      return _reply(error.status, error_body(error.reason))
    except Exception:  # a defect of this server: the client gets no details, the log all
      _log.exception('REST call failed')
      return _reply(500, error_body("Internal error; the server's log has the details."))

  def _work(self, method: str, path: str) -> Callable[[bytes], bytes]:
    """What answers a request: its body -> the reply's."""
    if method == 'POST' and (match := _POST.fullmatch(path)):
      verb, spec = match['verb'].lower(), _spec(match)
      if verb == 'predict':
        return lambda body: self._predict(spec, body)
      raise ServingError(Code.UNIMPLEMENTED, f'{verb} is not implemented by this server.')
    if method == 'GET' and (match := _GET.fullmatch(path)):
      if not match['name']:
        raise invalid('Missing model name in request.')
      spec = _spec(match)
      return lambda _: self._metadata(spec) if match['metadata'] else self._status(spec)
    raise invalid(f'Malformed request: {method} {path}')

  async def _in_pool(self, work: Callable[[bytes], bytes], body: bytes, gzipped: bool) -> bytes:
    def run() -> bytes:
      return work(_inflate(body) if gzipped else body)

    loop = asyncio.get_running_loop()
    try:
      return await asyncio.wait_for(loop.run_in_executor(self._pool, run), self._timeout_s)
    except TimeoutError:
      message = 'Timed out waiting for notification'
      raise ServingError(Code.DEADLINE_EXCEEDED, message) from None

  def _predict(self, spec: model_pb2.ModelSpec, body: bytes) -> bytes:
    document = json_text.parse_object(body)
    with self._models.use(spec) as servable:
      signature = json_predict.signature_of(document, servable)
      inputs = json_predict.inputs_of(document, signature)
      outputs = predict_arrays(servable, signature, inputs)
    return json_predict.body(outputs, row=json_predict.is_row(document))

  def _status(self, spec: model_pb2.ModelSpec) -> bytes:
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
    return _json_of(self._models.status(request))

  def _metadata(self, spec: model_pb2.ModelSpec) -> bytes:
    request = get_model_metadata_pb2.GetModelMetadataRequest(
      model_spec=spec, metadata_field=['signature_def']
    )
    response = self._models.metadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata['signature_def'].Unpack(signatures)
    spec_text, map_text = _json_of(response.model_spec), _json_of(signatures)
    # TF Serving nests the map in itself.
    return b'{\n"model_spec":%b,\n"metadata": {"signature_def": %b}\n}\n' % (spec_text, map_text)


def error_body(message: str) -> bytes:
  """An error as JSON; bytes that were no UTF-8 in the request are escaped."""
  return json.dumps({'error': message}, ensure_ascii=False).encode('utf-8', 'backslashreplace')


def _reply(status: int, body: bytes) -> web.Response:
  return web.Response(status=status, body=body, content_type='application/json')


def _spec(match: re.Match) -> model_pb2.ModelSpec:
  """The model, and the version or label, of a path."""
  spec = model_pb2.ModelSpec(name=_unquote(match['name']))
  if match['label']:
    spec.version_label = _unquote(match['label'])
  if match['version']:
    if int(match['version'][:20]) >= 2**63:
      raise invalid(f'Failed to convert version: {match["version"]} to numeric.')
    spec.version.value = int(match['version'])
  return spec


def _unquote(text: str) -> str:
  return urllib.parse.unquote(text, errors='replace')


def _inflate(body: bytes) -> bytes:
  """What a gzipped body holds; nothing if it is damaged or too large, as in TF Serving."""
  inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
  try:
    inflated = inflater.decompress(body, _MAX_INFLATED_BYTES)
  except zlib.error:
    return b''
  return inflated if inflater.eof else b''


def _json_of(message: object) -> bytes:
  """A message with its own field names, defaults included."""
  return json_format.MessageToJson(
    message,
    preserving_proto_field_name=True,
    always_print_fields_with_no_presence=True,
    indent=1,
  ).encode()
