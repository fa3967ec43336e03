"""A version from its folder: loaded, batched if asked for, and warmed up."""

import pathlib
import time

import tensorflow as tf

from serving.server import config_files, saved_model, tflite_model, warm_up, xla
from serving.server.batch_scheduler import Scheduler
from serving.server.batched import Batched
from serving.server.batching_parameters import Parameters, parameters
from serving.server.config_messages import BatchingParameters
from serving.server.errors import ServingError, invalid
from serving.server.metrics import Metrics
from serving.server.options import Options, start_failed
from serving.server.servable import Servable
from serving.server.version_policy import Choice
from serving.server.versions import ModelVersions, Timing

_PER_MODEL = 'batching_params.pbtxt'


class Loader:
  """Loads models as the flags ask for."""

  def __init__(self, options: Options, metrics: Metrics) -> None:
    """Loads nothing yet.

    Raises:
      StartError: 255, the file of batching parameters is wrong, or flags exclude each other.
    """
    self._options, self._metrics = options, metrics
    self._session_config = _session_config(options)
    xla.allow(allowed=options.xla_cpu_compilation_enabled)
    self._batching = _batching_parameters(options.batching_parameters_file)
    self._scheduler = Scheduler(self._batching.num_threads) if options.enable_batching else None
    self._timing = Timing(
      poll_s=options.file_system_poll_wait_seconds,
      max_retries=options.max_num_load_retries,
      retry_interval_s=options.load_retry_interval_micros / 1e6,
    )

  def make(self, name: str, base_path: pathlib.Path, choose: Choice) -> ModelVersions:
    """A model that is not started yet."""
    return ModelVersions(name, base_path, self.load, self._timing, choose)

  def load(self, name: str, version: int, path: pathlib.Path) -> Servable:
    """A version that is ready for traffic.

    Raises:
      ServingError: it can't be loaded, or a warm-up record failed.
    """
    if self._options.prefer_tflite_model and (path / tflite_model.FILE).exists():
      model: Servable = tflite_model.load(name, version, path)
    else:
      model = self._saved_model(name, version, path)
    loaded = self._batched(model, path)
    if self._options.enable_model_warmup:
      try:
        self._warm_up(loaded, path)
      except Exception:
        loaded.close()
        raise
    return loaded

  def _saved_model(self, name: str, version: int, path: pathlib.Path) -> Servable:
    start_s, status = time.perf_counter(), 'fail'
    tags = self._options.saved_model_tags.split(',')
    try:
      model = saved_model.load(name, version, path, tags, self._session_config)
      status = 'success'
    finally:
      self._metrics.load(str(path), status, time.perf_counter() - start_s)
    return model

  def _batched(self, loaded: Servable, path: pathlib.Path) -> Servable:
    """With queues, if the flags or the version's own file ask for them."""
    if self._scheduler is None:
      return loaded
    if not self._options.enable_per_model_batching_parameters:
      return Batched(loaded, self._scheduler, self._batching, self._metrics)
    file = path / _PER_MODEL
    if not file.exists():
      return loaded
    try:
      own = parameters(config_files.read(str(file), BatchingParameters))
    except Exception:
      loaded.close()
      raise
    return Batched(loaded, self._scheduler, own, self._metrics)

  def _warm_up(self, loaded: Servable, path: pathlib.Path) -> None:
    """Answers the records; the time is recorded if all of them, or a damaged file, were read."""
    start_s = time.perf_counter()

    def record(status: str) -> None:
      micros = (time.perf_counter() - start_s) * 1e6
      self._metrics.model_warmup_latency.observe(micros, str(path), status)

    num_iterations = max(1, self._options.num_request_iterations_for_warmup)
    try:
      if warm_up.warm_up(loaded, path, num_iterations) is not None:
        record('OK')
    except warm_up.DamagedFileError as error:
      record(error.status)
      raise


def _batching_parameters(path: str) -> Parameters:
  try:
    return parameters(config_files.read_at_start(path, BatchingParameters))
  except ServingError as error:
    raise start_failed(error) from error


def _session_config(options: Options) -> tf.compat.v1.ConfigProto:
  """Threads of a session; as in TF Serving, one of the two flags turns the common one off."""
  both = options.tensorflow_session_parallelism
  intra, inter = options.tensorflow_intra_op_parallelism, options.tensorflow_inter_op_parallelism
  if both > 0 and intra > 0 and inter > 0:
    error = invalid(
      'Either configure server_options.tensorflow_session_parallelism or'
      ' (server_options.tensorflow_intra_op_parallelism,'
      ' server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.'
    )
    raise start_failed(error)
  if intra <= 0 and inter <= 0:
    intra = inter = both
  return tf.compat.v1.ConfigProto(
    intra_op_parallelism_threads=intra, inter_op_parallelism_threads=inter
  )
