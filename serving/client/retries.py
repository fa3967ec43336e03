"""Deadlines, and when a request is sent again."""

import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import Any

from serving.client.effects import Call, Exchange, Pause
from serving.client.errors import (
  DeadlineError,
  InvalidRequestError,
  ServerUnavailableError,
  TlsError,
)
from serving.client.messages import Request

_LONGEST_S = 1e8  # three years; gRPC takes much longer times for none at all


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retry:
  """Growing pauses between attempts at a server that is unavailable, and at no other error."""

  max_attempts: int = 5
  initial_pause_s: float = 0.1
  multiplier: float = 2.0
  max_pause_s: float = 2.0
  jitter: float = 0.5  # share of a pause that is random, so that clients do not come back together

  def __post_init__(self) -> None:
    if (
      self.max_attempts < 1
      or not 0 < self.initial_pause_s <= self.max_pause_s
      or self.multiplier < 1
      or not 0 <= self.jitter <= 1
    ):
      raise InvalidRequestError(
        f'{self} makes no sense. Choose 1 attempt or more, 0 < initial_pause_s <= max_pause_s,'
        ' a multiplier of 1 or more and a jitter from 0 to 1.'
      )

  def pauses_s(self, rng: random.Random) -> Iterator[float]:
    """Pauses without end."""
    pause_s = self.initial_pause_s
    while True:
      yield pause_s * (1 - self.jitter * rng.random())
      pause_s = min(pause_s * self.multiplier, self.max_pause_s)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exchanger:
  """Sends requests of one client."""

  address: str
  retry: Retry
  rng: random.Random
  clock: Callable[[], float]  # seconds

  def exchange(self, request: Request, deadline_s: float) -> Call[Any]:
    """The answer, with more attempts while the server is unavailable.

    Args:
      request: to send.
      deadline_s: when the caller stops waiting, by `clock`.

    Raises:
      ClientError: of the last attempt.
    """
    pauses_s = self.retry.pauses_s(self.rng)
    for attempt in range(1, self.retry.max_attempts + 1):
      try:
        return (yield Exchange(request, self._remaining_s(request, deadline_s)))
      except TlsError:
        raise
      except ServerUnavailableError:
        pause_s = next(pauses_s)
        if attempt == self.retry.max_attempts or self.clock() + pause_s >= deadline_s:
          raise
      yield Pause(pause_s)

  def _remaining_s(self, request: Request, deadline_s: float) -> float:
    remaining_s = deadline_s - self.clock()
    if remaining_s <= 0:
      raise DeadlineError(
        f'{request.spec} ({self.address}): no time was left for a {type(request).__name__}.'
        ' Ask for fewer images at once, or give a longer timeout_s.'
      )
    return min(remaining_s, _LONGEST_S)
