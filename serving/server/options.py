"""What decides a server, and how it fails to start."""

import dataclasses
import os


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """The flags, with TF Serving's names and defaults; `host` and `enable_gallery` are our own."""

  # Where it listens.
  host: str = '127.0.0.1'
  port: int = 8500  # 0 is off
  grpc_socket_path: str = ''
  grpc_max_threads: int = 4 * (os.cpu_count() or 1)
  grpc_channel_arguments: str = ''
  ssl_config_file: str = ''
  rest_api_port: int = 0  # 0 is off
  rest_api_num_threads: int = 4 * (os.cpu_count() or 1)
  rest_api_timeout_in_ms: int = 30_000
  rest_api_enable_cors_support: bool = False

  # What it serves.
  model_name: str = 'default'
  model_base_path: str = ''
  model_config_file: str = ''
  model_config_file_poll_wait_seconds: int = 0
  file_system_poll_wait_seconds: int = 1
  max_num_load_retries: int = 5
  load_retry_interval_micros: int = 60_000_000
  allow_version_labels_for_unavailable_models: bool = False
  saved_model_tags: str = 'serve'
  prefer_tflite_model: bool = False
  enable_model_warmup: bool = True
  num_request_iterations_for_warmup: int = 0

  # How it computes.
  enable_batching: bool = False
  batching_parameters_file: str = ''
  enable_per_model_batching_parameters: bool = False
  tensorflow_session_parallelism: int = 0
  tensorflow_intra_op_parallelism: int = 0
  tensorflow_inter_op_parallelism: int = 0
  xla_cpu_compilation_enabled: bool = False
  enable_signature_method_name_check: bool = False
  enable_serialization_as_tensor_content: bool = False

  # How it is watched.
  monitoring_config_file: str = ''
  enable_gallery: bool = False
  enable_grpc_healthcheck_service: bool = False
  enable_profiler: bool = True


class StartError(Exception):
  """Why there is nothing to serve with, in one line; `exit_code` is the process's."""

  def __init__(self, message: str, exit_code: int) -> None:
    super().__init__(message)
    self.exit_code = exit_code


def start_failed(error: object) -> StartError:
  """In the words of tensorflow_model_server, which also exits with 255."""
  return StartError(f'Failed to start server. Error: {error}', 255)
