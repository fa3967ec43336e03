"""Ends connections on which the head of the first request comes too slowly.

The HTTP library times bodies and idle connections, but waits for ever for a first head: a few
clients that send a byte now and then would hold every connection there is.
"""

import asyncio
from typing import cast

_END = b'\r\n\r\n'


class HeadTimeout(asyncio.Protocol):
  """Stands before the library's protocol until the first head is there."""

  def __init__(self, handler: asyncio.Protocol, timeout_s: float) -> None:
    self._handler, self._timeout_s = handler, timeout_s
    self._tail = b''

  def connection_made(self, transport: asyncio.BaseTransport) -> None:
    """Starts the clock."""
    self._transport = cast(asyncio.Transport, transport)
    self._handler.connection_made(transport)
    loop = asyncio.get_running_loop()
    self._timer = loop.call_later(self._timeout_s, self._transport.abort)

  def data_received(self, data: bytes) -> None:
    """Passes on what comes, and steps aside at the end of the head."""
    self._tail += data
    if _END in self._tail:
      self._timer.cancel()
      self._transport.set_protocol(self._handler)
    self._tail = self._tail[1 - len(_END) :]
    self._handler.data_received(data)

  def eof_received(self) -> bool | None:
    """The client sends no more."""
    return self._handler.eof_received()

  def connection_lost(self, error: Exception | None) -> None:
    """The client has gone."""
    self._timer.cancel()
    self._handler.connection_lost(error)
