"""The addresses that a server listens on."""

import socket

import grpc
from aiohttp import web

from serving.server.options import StartError


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
    raise _error(host, port, error.strerror) from error


def open_grpc(server: grpc.Server, host: str, port: int) -> None:
  """Starts a gRPC server on a port; StartError if it is taken."""
  try:
    server.add_insecure_port(address(host, port))
  except RuntimeError as error:
    raise _error(host, port, 'gRPC could not bind it') from error
  server.start()


async def open_http(runner: web.AppRunner, host: str, port: int) -> None:
  """Starts an HTTP server on a port; StartError if it is taken."""
  try:
    await web.TCPSite(runner, host, port).start()
  except OSError as error:
    raise _error(host, port, error.strerror) from error


def address(host: str, port: int) -> str:
  """Host and port as URLs write them."""
  return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def _error(host: str, port: int, reason: str | None) -> StartError:
  return StartError(
    f"Can't listen on {address(host, port)}: {reason}. Stop what uses it, or choose another with"
    ' --port and --rest_api_port.',
    1,
  )
