"""The end of the server, and the time that running requests have until then."""

import asyncio
import time


class Stop:
  """Told once, by a signal; all that waits for running requests shares one deadline."""

  def __init__(self, grace_s: float) -> None:
    """Goes on until `tell`; requests that run then may take `grace_s` more."""
    self._told, self._grace_s = asyncio.Event(), grace_s
    self.deadline_s = 0.0  # monotonic; long ago, as nothing runs where a start fails

  def tell(self) -> None:
    """Stops; from now on the grace runs down."""
    if not self.is_told():
      self.deadline_s = time.monotonic() + self._grace_s
      self._told.set()

  def is_told(self) -> bool:
    """Whether somebody told it."""
    return self._told.is_set()

  async def wait(self) -> None:
    """Returns when it is told."""
    await self._told.wait()

  def left_s(self) -> float:
    """What is left of the grace; 0 before and after it."""
    return max(0.0, self.deadline_s - time.monotonic())
