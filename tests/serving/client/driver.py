"""Runs a call without a network: answers and errors come from a list, time passes in pauses."""

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

from serving.client.calls import Calls, model_spec
from serving.client.effects import Call, Exchange, Pause
from serving.client.messages import Metadata, Request, Signature, TensorSpec
from serving.client.retries import Exchanger, Retry

SPEC = model_spec('digits', None, None)


@dataclasses.dataclass
class Driver:
  """Answers one exchange after the other; each takes `exchange_s` at most."""

  answers: Sequence[Any] = ()
  exchange_s: float = 0.0
  time_s: float = 1000.0
  requests: list[Request] = dataclasses.field(default_factory=list)
  timeouts_s: list[float] = dataclasses.field(default_factory=list)
  pauses_s: list[float] = dataclasses.field(default_factory=list)

  def clock(self) -> float:
    return self.time_s

  def calls(self, **arguments) -> Calls:
    settings = {
      'address': 'somewhere:8500',
      'spec': SPEC,
      'timeout_s': 10.0,
      'retry': Retry(),
      'max_batch_size': 64,
      'random_seed': 0,
    }
    return Calls(**settings | arguments, clock=self.clock)

  def exchanger(self, **retry) -> Exchanger:
    return Exchanger(
      address='somewhere:8500', retry=Retry(**retry), rng=random.Random(0), clock=self.clock
    )

  def run(self, call: Call[Any], *answers: Any) -> Any:
    remaining = iter([*self.answers, *answers])
    try:
      effect = next(call)
      while True:
        if isinstance(effect, Pause):
          self.pauses_s.append(effect.pause_s)
          self.time_s += effect.pause_s
          effect = next(call)
          continue
        assert isinstance(effect, Exchange)
        self.requests.append(effect.request)
        self.timeouts_s.append(effect.timeout_s)
        self.time_s += min(self.exchange_s, effect.timeout_s)
        answer = next(remaining)
        effect = call.throw(answer) if isinstance(answer, Exception) else call.send(answer)
    except StopIteration as end:
      return end.value


def metadata(version: int = 1, latent_size: int = 8, *, conditional: bool = True) -> Metadata:
  label = {'label': TensorSpec(dtype='DT_INT64', shape=(-1,))} if conditional else {}
  latent = TensorSpec(dtype='DT_FLOAT', shape=(-1, latent_size))
  images = TensorSpec(dtype='DT_FLOAT', shape=(-1, 2, 2, 1))
  signature = Signature(inputs={'latent': latent} | label, outputs={'images': images})
  return Metadata(version=version, signatures={'from_latent': signature})
