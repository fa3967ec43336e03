"""The addresses that a server listens on."""

import asyncio
import contextlib
import socket

import grpc
from aiohttp import web

from serving.server.head_timeout import HeadTimeout
from serving.server.options import StartError

_HEAD_TIMEOUT_S = 30.0


def free_ports(count: int) -> list[int]:
  """Ports that nothing uses now; another process may take one before its server is up."""
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.create_server(('', 0))) for _ in range(count)]
    return [each.getsockname()[1] for each in sockets]


def check_free(host: str, port: int) -> None:
  """Finds a taken port before the slow start, not after it; port 0 is off.

  Raises:
    StartError: it is taken, or the host is not this machine.
  """
  if not port:
    return
  try:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
      probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      probe.bind((host, port))
  except OSError as error:
    raise _error(address(host, port), error.strerror) from error


def open_grpc(
  server: grpc.Server, host: str, port: int, socket_path: str, tls: grpc.ServerCredentials | None
) -> None:
  """Starts a gRPC server on a port and a UNIX socket; 0 and '' are off.

  Raises:
    StartError: one of them is taken, or `tls` holds no key and certificate.
  """
  names = [address(host, port)] if port else []
  for name in names + ([f'unix:{socket_path}'] if socket_path else []):
    try:
      if tls is None:
        server.add_insecure_port(name)
      else:
        server.add_secure_port(name, tls)
    except RuntimeError as error:
      raise _error(name, 'gRPC could not bind it') from error
  server.start()


async def open_http(
  runner: web.AppRunner, host: str, port: int, head_timeout_s: float = _HEAD_TIMEOUT_S
) -> asyncio.Server:
  """Starts an HTTP server on a port; StartError if it is taken."""
  server = runner.server
  assert server is not None, 'runner.setup() comes first'
  loop = asyncio.get_running_loop()
  try:
    return await loop.create_server(
      lambda: HeadTimeout(server(), head_timeout_s), host, port, backlog=128
    )
  except OSError as error:
    raise _error(address(host, port), error.strerror) from error


def address(host: str, port: int) -> str:
  """Host and port as URLs write them."""
  return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def _error(name: str, reason: str | None) -> StartError:
  return StartError(
    f"Can't listen on {name}: {reason}. Stop what uses it, or choose another with --port,"
    ' --rest_api_port and --grpc_socket_path.',
    1,
  )
