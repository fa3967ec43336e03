"""The life of the server process: load, listen, serve, drain."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import AsyncIterator
from typing import Any

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.server import config_files, grpc_service, model_set, ports
from serving.server import tls as tls_files
from serving.server.config_messages import MonitoringConfig
from serving.server.errors import ServingError
from serving.server.inference import Inference
from serving.server.loading import Loader
from serving.server.metrics import Metrics
from serving.server.model_set import ModelSet
from serving.server.models import Models
from serving.server.options import Options, StartError, start_failed
from serving.server.rest_api import RestApi
from serving.server.rest_service import RestService
from serving.server.stop import Stop

# For requests that run when the server is told to stop. Kubernetes allows 30 unless told, and
# configs/serving/kubernetes/deployment.yaml 60, of which its preStop takes 15.
_GRACE_S = 20.0
_CANCEL_S = 1.0  # for those that took longer to be given up
_METRICS_PATH = '/monitoring/prometheus/metrics'
_log = logging.getLogger(__name__)


async def serve(options: Options) -> None:
  """Serves until SIGTERM or SIGINT.

  Raises:
    StartError: a port is taken (1), or a configuration file is wrong or a model can't be loaded
      (255).
  """
  stop = Stop(_GRACE_S)
  for number in (signal.SIGTERM, signal.SIGINT):
    asyncio.get_running_loop().add_signal_handler(number, stop.tell)
  config, inference = _config(options), Inference(Models(), Metrics(), options)
  monitoring = config_files.read_at_start(options.monitoring_config_file, MonitoringConfig)
  loader = Loader(options, inference.metrics)
  served = ModelSet(
    inference.models,
    loader.make,
    labels_before_versions=options.allow_version_labels_for_unavailable_models,
  )
  try:
    if await asyncio.to_thread(_load, served, config, stop):
      async with _listening(options, inference, served, stop, _metrics_path(monitoring)):
        print(_ready_line(options, inference.models), flush=True)
        await _reload_until(stop, options, served)
        _log.info('Stopping: no new requests, %g s for those that run', _GRACE_S)
  finally:
    await _unload(served, stop)


def _config(options: Options) -> ModelServerConfig:
  if not options.model_config_file:
    return model_set.single(options.model_name, options.model_base_path)
  return config_files.read_at_start(options.model_config_file, ModelServerConfig)


def _load(served: ModelSet, config: ModelServerConfig, stop: Stop) -> bool:
  """Waits for the first version of every model; False if the server was told to stop before."""
  try:
    new = served.apply(config)
    model_set.wait_until_available(new, 'servable', lambda: not stop.is_told())
  except ServingError as error:
    if stop.is_told():
      return False
    raise start_failed(error) from error
  return True


async def _reload_until(stop: Stop, options: Options, served: ModelSet) -> None:
  """Reads the configuration file again and again, if asked for."""
  period_s = options.model_config_file_poll_wait_seconds
  if not options.model_config_file or period_s <= 0:
    await stop.wait()
  trouble = ''
  while not stop.is_told():
    with contextlib.suppress(TimeoutError):
      await asyncio.wait_for(stop.wait(), period_s)
      return
    trouble = await asyncio.to_thread(_reload, options, served, trouble)


def _reload(options: Options, served: ModelSet, trouble: str) -> str:
  """Applies the file; what is wrong with it is logged once, and what was served goes on."""
  try:
    served.apply(_config(options))
  except (ServingError, StartError) as error:
    if str(error) != trouble:
      _log.error('%s was not applied: %s', options.model_config_file, error)
    return str(error)
  return ''


@contextlib.asynccontextmanager
async def _listening(
  options: Options, inference: Inference, served: ModelSet, stop: Stop, metrics_path: str
) -> AsyncIterator[None]:
  """Both protocols on their ports; leaving it lets the running requests end."""
  timeout_s = options.rest_api_timeout_in_ms / 1e3
  rest = RestService(
    RestApi(inference),
    options.rest_api_num_threads,
    timeout_s if timeout_s > 0 else None,
    cors=options.rest_api_enable_cors_support,
    metrics_path=metrics_path,
    gallery=options.enable_gallery,
  )
  runner = rest.runner(_GRACE_S)
  await runner.setup()
  grpc_server = grpc_service.create_server(inference, served, options)
  http_server = None
  try:
    tls = tls_files.credentials(options.ssl_config_file)
    ports.open_grpc(grpc_server, options.host, options.port, options.grpc_socket_path, tls)
    if options.rest_api_port:
      http_server = await ports.open_http(runner, options.host, options.rest_api_port)
    yield
  finally:
    if http_server is not None:
      http_server.close()
    stopped = grpc_server.stop(stop.left_s())
    with contextlib.suppress(TimeoutError):  # aiohttp takes up to twice its own
      await asyncio.wait_for(runner.cleanup(), stop.left_s())
    await asyncio.to_thread(stopped.wait, stop.left_s() + _CANCEL_S)


async def _unload(served: ModelSet, stop: Stop) -> None:
  """In a thread that may be left behind: TensorFlow waits for operations that it can't cancel."""
  thread = threading.Thread(target=served.stop, args=[stop.deadline_s], daemon=True)
  thread.start()
  await asyncio.to_thread(thread.join, stop.left_s() + _CANCEL_S)


def _metrics_path(monitoring: Any) -> str:
  """Where Prometheus finds the metrics; '' if they are not asked for."""
  prometheus = monitoring.prometheus_config
  return (prometheus.path or _METRICS_PATH) if prometheus.enable else ''


def _ready_line(options: Options, models: Models) -> str:
  doors = []
  if options.port:
    doors.append(f'gRPC {ports.address(options.host, options.port)}')
  if options.grpc_socket_path:
    doors.append(f'gRPC unix:{options.grpc_socket_path}')
  if options.rest_api_port:
    doors.append(f'REST http://{ports.address(options.host, options.rest_api_port)}/v1/models/')
  where = ' and '.join(doors) or 'no port, as --port and --rest_api_port are 0'
  local = options.host in ('127.0.0.1', '::1', 'localhost')
  note = ' (this machine only; --host=0.0.0.0 opens it to others)' if local else ''
  return f'Serving {models.summary()} on {where}{note}'
