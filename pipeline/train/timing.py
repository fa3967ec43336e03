"""How long a step takes, by which the `auto` settings are chosen."""

import math
import time
from collections.abc import Callable


def best_s(step: Callable[[], object], tries: int, enough_s: float = math.inf) -> float:
  """Seconds of a step, the best of `tries`; no further one is tried after one of `enough_s`."""
  step()  # compiles
  times_s: list[float] = []
  while len(times_s) < tries and max(times_s, default=0) < enough_s:
    start_s = time.perf_counter()
    step()
    times_s.append(time.perf_counter() - start_s)
  return min(times_s)
