"""What a call asks of the client that runs it.

A call is a generator. It yields an `Exchange`, and is sent the answer or thrown the error, or a
`Pause`, and is resumed when it is over; it returns its result. So each call is written once for
blocking and for asynchronous clients, and needs no network to be tested.
"""

import dataclasses
from collections.abc import Generator
from typing import Any, TypeVar

from serving.client.messages import Request

_T = TypeVar('_T')


@dataclasses.dataclass(frozen=True)
class Exchange:
  """Send this and bring the answer."""

  request: Request
  timeout_s: float


@dataclasses.dataclass(frozen=True)
class Pause:
  """Wait."""

  pause_s: float


Call = Generator[Exchange | Pause, Any, _T]
