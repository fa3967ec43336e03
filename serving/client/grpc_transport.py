"""gRPC: one channel, which connects on first use, stays open and reconnects by itself."""

import re
from typing import Any

import grpc

from serving.client import grpc_messages
from serving.client.errors import ClientError, from_status
from serving.client.loopback import is_loopback
from serving.client.messages import Answer, Request
from serving.client.tls import Tls

_OPTIONS = [
  ('grpc.max_send_message_length', -1),
  ('grpc.max_receive_message_length', -1),
  # A server drops clients that ask for a sign of life more often than every five minutes.
  ('grpc.keepalive_time_ms', 300_000),
  ('grpc.keepalive_timeout_ms', 20_000),
  # Our pauses between attempts are shorter than gRPC's own between connections.
  ('grpc.initial_reconnect_backoff_ms', 100),
  ('grpc.max_reconnect_backoff_ms', 1_000),
]
_NAME = re.compile(r'(?:ipv[46]:|dns:(?://[^/]*/)?)?(?:\[(.*)\]|([^:/]+))(?::\d+)?')


class GrpcTransport:
  """Blocking calls."""

  def __init__(self, address: str, tls: Tls | None) -> None:
    self._address = address
    self._channel = _open(grpc, address, tls)

  def send(self, request: Request, timeout_s: float) -> Answer:
    """See `transports.Transport`."""
    call = self._channel.unary_unary(grpc_messages.method(request))
    try:
      reply = call(grpc_messages.encode(request), timeout=timeout_s)
    except grpc.RpcError as error:
      raise _client_error(error, self._address) from error
    return grpc_messages.decode(request, reply, self._address)

  def close(self) -> None:
    """See `transports.Transport`."""
    self._channel.close()


class AsyncGrpcTransport:
  """Calls in an event loop."""

  def __init__(self, address: str, tls: Tls | None) -> None:
    self._address, self._tls = address, tls
    self._channel: Any = None

  async def send(self, request: Request, timeout_s: float) -> Answer:
    """See `transports.Transport`."""
    if self._channel is None:  # not before: a channel belongs to the event loop that runs
      self._channel = _open(grpc.aio, self._address, self._tls)
    call = self._channel.unary_unary(grpc_messages.method(request))
    try:
      reply = await call(grpc_messages.encode(request), timeout=timeout_s)
    except grpc.RpcError as error:
      raise _client_error(error, self._address) from error
    return grpc_messages.decode(request, reply, self._address)

  async def close(self) -> None:
    """See `transports.Transport`."""
    if self._channel is not None:
      await self._channel.close()


def _open(library: Any, address: str, tls: Tls | None) -> Any:
  """A channel of `grpc` or `grpc.aio`."""
  options = [*_OPTIONS, ('grpc.enable_http_proxy', not is_loopback(_host(address)))]
  if tls is None:
    return library.insecure_channel(address, options)
  credentials = grpc.ssl_channel_credentials(
    tls.read('ca_cert'), tls.read('client_key'), tls.read('client_cert')
  )
  return library.secure_channel(address, credentials, options)


def _host(address: str) -> str:
  """Of a name that gRPC resolves; empty if it names no single one."""
  name = _NAME.fullmatch(address)
  return (name[1] or name[2] or '') if name else ''


def _client_error(error: grpc.RpcError, address: str) -> ClientError:
  return from_status(error.code().name, error.details() or '', address)
