"""The two clients: the same calls, run with blocking and with asynchronous transports."""

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from serving.client.calls import Calls, model_spec
from serving.client.effects import Call, Pause
from serving.client.errors import ClientError, InvalidRequestError
from serving.client.retries import Retry
from serving.client.tls import Tls
from serving.client.transports import connect, connect_async

_P = ParamSpec('_P')
_T = TypeVar('_T')


class _Base:
  """What both clients are made from."""

  _connect: Callable[[str, str, Tls | None], Any]

  def __init__(
    self,
    address: str = 'localhost:8500',
    *,
    model_name: str,
    protocol: str = 'grpc',
    version: int | None = None,
    version_label: str | None = None,
    timeout_s: float = 30.0,
    tls: Tls | None = None,
    retry: Retry | None = None,
    max_batch_size: int = 64,
    random_seed: int | None = None,
  ) -> None:
    """Prepares a connection, which the first call opens.

    Args:
      address: host:port; a URL also for REST.
      model_name: as the server calls the model.
      protocol: 'grpc' or 'rest'.
      version: of the model, unless a call names another; the newest if there is none.
      version_label: the same by a label, such as 'stable'.
      timeout_s: for a call with all of its attempts, unless the call names another.
      tls: certificates; None for a connection in the clear.
      retry: attempts while the server is unavailable.
      max_batch_size: images in one request; more are asked for in several.
      random_seed: for seeds that a caller leaves open and for pauses; None for others each time.

    Raises:
      InvalidRequestError: arguments that can't work.
    """
    if not timeout_s > 0 or max_batch_size < 1:  # NaN is not, either
      raise InvalidRequestError(
        f'timeout_s={timeout_s}, max_batch_size={max_batch_size}. Both must be above 0.'
      )
    self._transport = self._connect(protocol, address, tls)
    self._calls = Calls(
      address=address,
      spec=model_spec(model_name, version, version_label),
      timeout_s=timeout_s,
      retry=retry or Retry(),
      max_batch_size=max_batch_size,
      random_seed=random_seed,
    )


def _blocking(
  call: Callable[Concatenate[Calls, _P], Call[_T]],
) -> 'Callable[Concatenate[Client, _P], _T]':
  """A method that runs a call to its end."""

  @functools.wraps(call)
  def method(self: 'Client', /, *args: _P.args, **arguments: _P.kwargs) -> _T:
    return self._run(call(self._calls, *args, **arguments))

  return method


def _awaitable(
  call: Callable[Concatenate[Calls, _P], Call[_T]],
) -> 'Callable[Concatenate[AsyncClient, _P], Coroutine[Any, Any, _T]]':
  """As `_blocking`, for an event loop."""

  @functools.wraps(call)
  async def method(self: 'AsyncClient', /, *args: _P.args, **arguments: _P.kwargs) -> _T:
    return await self._run(call(self._calls, *args, **arguments))

  return method


class Client(_Base):
  """Calls a generator on TensorFlow Serving; several threads may share one."""

  _connect = staticmethod(connect)

  generate = _blocking(Calls.generate)
  images_from_latents = _blocking(Calls.images_from_latents)
  score = _blocking(Calls.score)
  anomaly = _blocking(Calls.anomaly)
  metadata = _blocking(Calls.metadata)
  status = _blocking(Calls.status)
  wait_until_available = _blocking(Calls.wait_until_available)

  def close(self) -> None:
    """Ends the connections."""
    self._transport.close()

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def _run(self, call: Call[_T]) -> _T:
    try:
      effect = next(call)
      while True:
        if isinstance(effect, Pause):
          time.sleep(effect.pause_s)
          effect = next(call)
          continue
        try:
          answer = self._transport.send(effect.request, effect.timeout_s)
        except ClientError as error:
          effect = call.throw(error)
        else:
          effect = call.send(answer)
    except StopIteration as end:
      return end.value


class AsyncClient(_Base):
  """The same for one event loop: every call is awaited, and many may run at once."""

  _connect = staticmethod(connect_async)

  generate = _awaitable(Calls.generate)
  images_from_latents = _awaitable(Calls.images_from_latents)
  score = _awaitable(Calls.score)
  anomaly = _awaitable(Calls.anomaly)
  metadata = _awaitable(Calls.metadata)
  status = _awaitable(Calls.status)
  wait_until_available = _awaitable(Calls.wait_until_available)

  async def close(self) -> None:
    """Ends the connections."""
    await self._transport.close()

  async def __aenter__(self) -> Self:
    return self

  async def __aexit__(self, *_: object) -> None:
    await self.close()

  async def _run(self, call: Call[_T]) -> _T:
    try:
      effect = next(call)
      while True:
        if isinstance(effect, Pause):
          await asyncio.sleep(effect.pause_s)
          effect = next(call)
          continue
        try:
          answer = await self._transport.send(effect.request, effect.timeout_s)
        except ClientError as error:
          effect = call.throw(error)
        else:
          effect = call.send(answer)
    except StopIteration as end:
      return end.value
