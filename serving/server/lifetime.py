"""The life of the server process: load, listen, serve, drain."""

import asyncio
import contextlib
import logging
import pathlib
import signal
from collections.abc import AsyncIterator

from serving.server import grpc_service, ports, servable, warm_up
from serving.server.errors import ServingError
from serving.server.models import Models
from serving.server.options import Options, StartError
from serving.server.rest_service import RestService
from serving.server.versions import ModelVersions, Policy

_GRACE_S = 20.0  # for requests that run when the server is told to stop; Kubernetes allows 30
_log = logging.getLogger(__name__)


async def serve(options: Options) -> None:
  """Serves until SIGTERM or SIGINT.

  Raises:
    StartError: a port is taken (1), or the first version can't be loaded (255).
  """
  stop = asyncio.Event()
  for number in (signal.SIGTERM, signal.SIGINT):
    asyncio.get_running_loop().add_signal_handler(number, stop.set)
  model = _model(options)
  model.start()
  try:
    version = await _first_version(model, stop)
    if version is not None:
      async with _listening(options, Models({options.model_name: model})):
        print(_ready_line(options, version), flush=True)
        await stop.wait()
        _log.info('Stopping: no new requests, %g s for those that run', _GRACE_S)
  finally:
    await asyncio.to_thread(model.stop, _GRACE_S)


def _model(options: Options) -> ModelVersions:
  def load(name: str, version: int, path: pathlib.Path) -> servable.Servable:
    loaded = servable.load(name, version, path)
    if options.enable_model_warmup:
      try:
        warm_up.warm_up(loaded, path)
      except ServingError:
        loaded.close()
        raise
    return loaded

  policy = Policy(
    poll_s=options.file_system_poll_wait_seconds,
    max_retries=options.max_num_load_retries,
    retry_interval_s=options.load_retry_interval_micros / 1e6,
  )
  return ModelVersions(options.model_name, pathlib.Path(options.model_base_path), load, policy)


async def _first_version(model: ModelVersions, stop: asyncio.Event) -> int | None:
  """The first version that is served; None if the server was told to stop before."""
  first = asyncio.wrap_future(model.first)
  stopped: asyncio.Future = asyncio.ensure_future(stop.wait())
  await asyncio.wait((first, stopped), return_when=asyncio.FIRST_COMPLETED)
  stopped.cancel()
  if not first.done():
    return None
  try:
    return first.result()
  except ServingError as error:
    message = f'servable(s) did not become available: {model.name} ({error})'
    raise StartError(f'Failed to start server. Error: {message}', 255) from error


@contextlib.asynccontextmanager
async def _listening(options: Options, models: Models) -> AsyncIterator[None]:
  """Both protocols on their ports; leaving it lets the running requests end."""
  timeout_s = options.rest_api_timeout_in_ms / 1e3
  rest = RestService(models, options.rest_api_num_threads, timeout_s if timeout_s > 0 else None)
  runner = rest.runner(_GRACE_S)
  await runner.setup()
  grpc_server = grpc_service.create_server(models, options.grpc_max_threads)
  try:
    if options.port:
      ports.open_grpc(grpc_server, options.host, options.port)
    if options.rest_api_port:
      await ports.open_http(runner, options.host, options.rest_api_port)
    yield
  finally:
    stopped = grpc_server.stop(_GRACE_S)
    await runner.cleanup()
    await asyncio.to_thread(stopped.wait)


def _ready_line(options: Options, version: int) -> str:
  doors = []
  if options.port:
    doors.append(f'gRPC {ports.address(options.host, options.port)}')
  if options.rest_api_port:
    doors.append(f'REST http://{ports.address(options.host, options.rest_api_port)}/v1/models/')
  where = ' and '.join(doors) or 'no port, as --port and --rest_api_port are 0'
  local = options.host in ('127.0.0.1', '::1', 'localhost')
  note = ' (this machine only; --host=0.0.0.0 opens it to others)' if local else ''
  return f'Serving {options.model_name} version {version} on {where}{note}'
