"""The seam between calls and the network: what a transport is, and which there are."""

from typing import Protocol

from serving.client.errors import InvalidRequestError
from serving.client.messages import Answer, Request
from serving.client.tls import Tls

PROTOCOLS = ('grpc', 'rest')


class Transport(Protocol):
  """Carries requests to one server; safe to use from several threads."""

  def send(self, request: Request, timeout_s: float) -> Answer:
    """The answer.

    Raises:
      ClientError: see `errors`.
    """

  def close(self) -> None:
    """Ends the connections."""


class AsyncTransport(Protocol):
  """As `Transport`, for one event loop."""

  async def send(self, request: Request, timeout_s: float) -> Answer:
    """As `Transport.send`."""

  async def close(self) -> None:
    """As `Transport.close`."""


# Each protocol's library is imported when it is chosen: they are half of the time of the import.
def connect(protocol: str, address: str, tls: Tls | None) -> Transport:
  """A transport that opens its connections when they are needed.

  Args:
    protocol: one of PROTOCOLS.
    address: host:port; for REST also a URL, for gRPC any name that gRPC resolves.
    tls: certificates; None for a connection in the clear.

  Raises:
    InvalidRequestError: another protocol, or one whose library is missing.
  """
  _check(protocol)
  if protocol == 'grpc':
    from serving.client.grpc_transport import GrpcTransport

    return GrpcTransport(address, tls)
  from serving.client.rest_transport import RestTransport

  return RestTransport(address, tls)


def connect_async(protocol: str, address: str, tls: Tls | None) -> AsyncTransport:
  """As `connect`."""
  _check(protocol)
  if protocol == 'grpc':
    from serving.client.grpc_transport import AsyncGrpcTransport

    return AsyncGrpcTransport(address, tls)
  from serving.client.rest_transport import AsyncRestTransport

  return AsyncRestTransport(address, tls)


def _check(protocol: str) -> None:
  if protocol not in PROTOCOLS:
    raise InvalidRequestError(f'protocol={protocol!r}. Choose of {", ".join(PROTOCOLS)}.')
