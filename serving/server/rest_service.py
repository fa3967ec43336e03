"""The HTTP server. The event loop only moves bytes: parsing and computing happen in threads."""

import asyncio
import logging
import re
import time
import zlib
from concurrent import futures

from aiohttp import http_exceptions, web

from serving.server import gallery as gallery_page
from serving.server.errors import HTTP_STATUS, Code, ServingError
from serving.server.rest_api import RestApi, Work, error_body

_API = re.compile(r'/v1/.*', re.IGNORECASE | re.DOTALL)
_CALLS_PER_THREAD = 100  # that wait or run, as gRPC's
_MAX_BODY_BYTES = 2**31 - 1  # as gRPC's
_MAX_INFLATED_BYTES = 100 * 2**20
_BODY_TIMEOUT_S = 60.0  # for a body to arrive, not for its computation
_IDLE_TIMEOUT_S = 75.0  # between the requests of a connection
_CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'POST, GET',
  'Access-Control-Allow-Headers': 'Content-Type',
}
_log = logging.getLogger(__name__)


class RestService:
  """Answers HTTP requests, at most `num_threads` at once."""

  def __init__(
    self,
    api: RestApi,
    num_threads: int,
    timeout_s: float | None,
    *,
    cors: bool = False,
    metrics_path: str = '',
    gallery: bool = False,
    body_timeout_s: float = _BODY_TIMEOUT_S,
  ) -> None:
    """Listens nowhere yet.

    Args:
      api: what answers.
      num_threads: that parse and compute.
      timeout_s: for the computation; None for no limit.
      cors: pages of any origin may call.
      metrics_path: where Prometheus finds the metrics; '' for nowhere.
      gallery: answers / with the page.
      body_timeout_s: for a body to arrive.
    """
    self._api, self._timeout_s, self._body_timeout_s = api, timeout_s, body_timeout_s
    self._cors, self._metrics_path, self._gallery = cors, metrics_path, gallery
    self._pool = futures.ThreadPoolExecutor(num_threads, thread_name_prefix='rest')
    self._num_calls, self._max_calls = 0, _CALLS_PER_THREAD * num_threads

  def runner(self, grace_s: float) -> web.AppRunner:
    """The HTTP server without ports; requests that run when it is stopped get `grace_s`."""
    application = web.Application(client_max_size=_MAX_BODY_BYTES)
    application.router.add_route('*', r'/{path:[\s\S]*}', self._handle)  # a %0A is in no `.*`
    logging.getLogger('aiohttp.server').addFilter(_is_ours)
    return web.AppRunner(
      application,
      access_log=None,
      handler_cancellation=True,  # what waits for a thread is forgotten when its client goes
      auto_decompress=False,
      keepalive_timeout=_IDLE_TIMEOUT_S,
      shutdown_timeout=grace_s,
      lingering_time=1.0,
    )

  async def _handle(self, request: web.Request) -> web.Response:
    path = request.raw_path  # with its query and %-codes, as the API wants it
    if self._metrics_path and path.partition('?')[0] == self._metrics_path:
      return self._metrics(path)
    if self._gallery and path == '/' and request.method == 'GET':
      text = gallery_page.page(self._api.model_names)
      return web.Response(text=text, content_type='text/html', headers=gallery_page.HEADERS)
    if not _API.fullmatch(path):
      return web.Response(status=404, text='Not Found')
    if self._cors and request.method == 'OPTIONS':
      return _preflight(request)
    self._num_calls += 1
    try:
      response = await self._answer(request, path)
    finally:
      self._num_calls -= 1
    if self._cors:
      response.headers.update(_CORS)
    return response

  def _metrics(self, path: str) -> web.Response:
    """What Prometheus reads; a query behind the path is an error, as in TF Serving."""
    status, text = 200, self._api.metrics_text()
    if path != self._metrics_path:
      status, text = 400, f'Unexpected path: {path}. Should be {self._metrics_path}'
    body = text.encode('utf-8', 'backslashreplace')
    return web.Response(status=status, body=body, content_type='text/plain')

  async def _answer(self, request: web.Request, path: str) -> web.Response:
    try:
      if self._num_calls > self._max_calls:
        raise ServingError(Code.RESOURCE_EXHAUSTED, 'Too many requests wait. Try again later.')
      if (size := request.content_length or 0) > _MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(_MAX_BODY_BYTES, size)
      body = await asyncio.wait_for(request.read(), self._body_timeout_s)
      gzipped = 'gzip' in request.headers.get('Content-Encoding', '')
      work = self._api.work(request.method, path)
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

  async def _in_pool(self, work: Work, body: bytes, gzipped: bool) -> bytes:
    end_s = None if self._timeout_s is None else time.monotonic() + self._timeout_s

    def run() -> bytes:
      return work(
        _inflate(body) if gzipped else body,
        lambda: None if end_s is None else end_s - time.monotonic(),
      )

    loop = asyncio.get_running_loop()
    try:
      return await asyncio.wait_for(loop.run_in_executor(self._pool, run), self._timeout_s)
    except TimeoutError:
      message = 'Timed out waiting for notification'
      raise ServingError(Code.DEADLINE_EXCEEDED, message) from None


def _is_ours(record: logging.LogRecord) -> bool:
  """Whether a log line is not of a client's broken HTTP, which is answered and that is all."""
  error = record.exc_info[1] if record.exc_info else None
  return not isinstance(error, http_exceptions.HttpProcessingError)


def _preflight(request: web.Request) -> web.Response:
  """A browser asks whether a page may call."""
  if not request.headers.get('Origin', '').startswith(('http://', 'https://')):
    malformed = f'Malformed request: OPTIONS {request.raw_path}'
    return _reply(400, error_body(malformed))
  return web.Response(headers=_CORS)


def _reply(status: int, body: bytes) -> web.Response:
  return web.Response(status=status, body=body, content_type='application/json')


def _inflate(body: bytes) -> bytes:
  """What a gzipped body holds; nothing if it is damaged or too large, as in TF Serving."""
  inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
  try:
    inflated = inflater.decompress(body, _MAX_INFLATED_BYTES)
  except zlib.error:
    return b''
  return inflated if inflater.eof else b''
