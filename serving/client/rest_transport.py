"""REST: a pool of connections that are kept and used again."""

import asyncio
import ssl
import time
from typing import Any

import httpx

from serving.client import rest_messages
from serving.client.errors import ClientError, InvalidRequestError, from_status
from serving.client.messages import Answer, Request
from serving.client.tls import Tls

_LIMITS = httpx.Limits(max_keepalive_connections=32, max_connections=None, keepalive_expiry=300)
# httpx lets through what TLS says after the handshake.
_FAILURES = (httpx.HTTPError, ssl.SSLError, TimeoutError)


class RestTransport:
  """Blocking calls."""

  def __init__(self, address: str, tls: Tls | None) -> None:
    self._address = address
    self._http = httpx.Client(**_arguments(address, tls))

  def send(self, request: Request, timeout_s: float) -> Answer:
    """See `transports.Transport`."""
    end_s = time.monotonic() + timeout_s
    body = bytearray()
    try:
      with self._http.stream(**_call(request, timeout_s)) as response:
        for chunk in response.iter_bytes():
          body += chunk
          if time.monotonic() > end_s:  # httpx's timeout is for each part of a reply
            raise httpx.ReadTimeout('the reply came too slowly')
    except _FAILURES as error:
      raise _client_error(error, self._address) from error
    return _answer(request, response.status_code, bytes(body), self._address)

  def close(self) -> None:
    """See `transports.Transport`."""
    self._http.close()


class AsyncRestTransport:
  """Calls in an event loop."""

  def __init__(self, address: str, tls: Tls | None) -> None:
    self._address = address
    self._http = httpx.AsyncClient(**_arguments(address, tls))

  async def send(self, request: Request, timeout_s: float) -> Answer:
    """See `transports.Transport`."""
    try:
      async with asyncio.timeout(timeout_s):
        response = await self._http.request(**_call(request, timeout_s))
    except _FAILURES as error:
      raise _client_error(error, self._address) from error
    return _answer(request, response.status_code, response.content, self._address)

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
    'verify': tls.ssl_context() if tls else True,
  }


def _call(request: Request, timeout_s: float) -> dict[str, Any]:
  method, url, content = rest_messages.encode(request)
  return {'method': method, 'url': url, 'content': content, 'timeout': timeout_s}


def _answer(request: Request, status: int, body: bytes, address: str) -> Answer:
  if status == 200:
    return rest_messages.decode(request, body, address)
  raise from_status(*rest_messages.error_of(status, body), address)


def _client_error(error: Exception, address: str) -> ClientError:
  """A connection that is refused, or reset before an answer, is like an unavailable server."""
  text = str(error) or type(error).__name__
  if isinstance(error, httpx.TimeoutException | TimeoutError):
    return from_status('DEADLINE_EXCEEDED', text, address)
  if isinstance(error, httpx.NetworkError | ssl.SSLError) or 'without sending a response' in text:
    return from_status('UNAVAILABLE', text, address)
  return from_status('UNIMPLEMENTED', text, address)  # what came is no HTTP
