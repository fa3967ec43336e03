"""The clients that every test of a server runs with."""

import asyncio
from collections.abc import Callable

from serving.client import AsyncClient, Client


class Awaited:
  """An AsyncClient that looks like a Client: each call runs in one event loop."""

  def __init__(self, *args, **arguments) -> None:
    self._runner = asyncio.Runner()
    self._client = AsyncClient(*args, **arguments)

  def __getattr__(self, name: str) -> Callable:
    return lambda *args, **arguments: self._runner.run(
      getattr(self._client, name)(*args, **arguments)
    )

  def __enter__(self) -> 'Awaited':
    return self

  def __exit__(self, *_: object) -> None:
    try:
      self._runner.run(self._client.close())
    finally:
      self._runner.close()


KINDS = {
  f'{name} {protocol}': (kind, protocol)
  for name, kind in (('blocking', Client), ('awaited', Awaited))
  for protocol in ('grpc', 'rest')
}
