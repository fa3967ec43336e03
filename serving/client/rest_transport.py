"""REST: a pool of connections that are kept and used again."""

import asyncio
import os
import ssl
from typing import Any

import httpx

from serving.client import loop_thread, rest_messages
from serving.client.errors import ClientError, InvalidRequestError, from_status
from serving.client.loopback import is_loopback
from serving.client.messages import Answer, Request
from serving.client.tls import Tls

_LIMITS = httpx.Limits(max_keepalive_connections=32, max_connections=None, keepalive_expiry=300)
# httpx lets through what TLS says after the handshake.
_FAILURES = (httpx.HTTPError, ssl.SSLError, TimeoutError)


class RestTransport:
  """Blocking calls."""

  def __init__(self, address: str, tls: Tls | None) -> None:
    self._address, self._tls = address, tls
    self._open()

  def send(self, request: Request, timeout_s: float) -> Answer:
    """See `transports.Transport`."""
    if self._process_id != os.getpid():
      self._open()
    call = rest_messages.encode(request)
    reply = self._thread.run(_exchange(self._http, call, timeout_s, self._address))
    return _answer(request, reply, self._address)

  def close(self) -> None:
    """See `transports.Transport`."""
    if self._process_id == os.getpid():
      self._thread.run(self._http.aclose())

  def _open(self) -> None:
    """The thread and the connections are those of one process; a forked one needs its own."""
    self._process_id, self._thread = os.getpid(), loop_thread.shared()
    self._http = httpx.AsyncClient(**_arguments(self._address, self._tls))


class AsyncRestTransport:
  """Calls in an event loop."""

  def __init__(self, address: str, tls: Tls | None) -> None:
    self._address = address
    self._http = httpx.AsyncClient(**_arguments(address, tls))

  async def send(self, request: Request, timeout_s: float) -> Answer:
    """See `transports.Transport`."""
    call = rest_messages.encode(request)
    reply = await _exchange(self._http, call, timeout_s, self._address)
    return _answer(request, reply, self._address)

  async def close(self) -> None:
    """See `transports.Transport`."""
    await self._http.aclose()


def _arguments(address: str, tls: Tls | None) -> dict[str, Any]:
  url = address if '://' in address else f'{"http" if tls is None else "https"}://{address}'
  try:
    base_url = httpx.URL(url)
  except httpx.InvalidURL as error:
    raise InvalidRequestError(f'{url} is no address: {error}. Name it as host:port.') from error
  return {
    'base_url': base_url,
    'headers': {'Content-Type': 'application/json'},
    'limits': _LIMITS,
    # Of the environment, proxies do not hold for this machine, but certificates do.
    'trust_env': not is_loopback(base_url.host),
    'verify': tls.ssl_context() if tls else httpx.create_ssl_context(),
  }


async def _exchange(
  http: httpx.AsyncClient, call: tuple[str, str, bytes], timeout_s: float, address: str
) -> httpx.Response:
  method, url, content = call
  try:
    async with asyncio.timeout(timeout_s):  # httpx's own is for each part of a reply
      return await http.request(method, url, content=content, timeout=timeout_s)
  except _FAILURES as error:
    raise _client_error(error, address) from error


def _answer(request: Request, reply: httpx.Response, address: str) -> Answer:
  if reply.status_code == 200:
    return rest_messages.decode(request, reply.content, address)
  raise from_status(*rest_messages.error_of(reply.status_code, reply.content), address)


def _client_error(error: Exception, address: str) -> ClientError:
  """A connection that is refused, or ends before a whole answer, is like an unavailable server."""
  text = str(error) or type(error).__name__
  if isinstance(error, httpx.TimeoutException | TimeoutError):
    return from_status('DEADLINE_EXCEEDED', text, address)
  if isinstance(error, httpx.NetworkError | ssl.SSLError) or 'without sending' in text:
    return from_status('UNAVAILABLE', text, address)
  return from_status('UNIMPLEMENTED', text, address)  # what came is no HTTP
