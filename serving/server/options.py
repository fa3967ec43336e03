"""What decides a server, and how it fails to start."""

import dataclasses
import os


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """The flags, with TF Serving's names and defaults; only `host` is this server's own."""

  host: str = '127.0.0.1'
  port: int = 8500  # 0 is off
  rest_api_port: int = 0  # 0 is off
  rest_api_timeout_in_ms: int = 30_000
  rest_api_num_threads: int = 4 * (os.cpu_count() or 1)
  grpc_max_threads: int = 4 * (os.cpu_count() or 1)
  model_name: str = 'default'
  model_base_path: str = ''
  file_system_poll_wait_seconds: int = 1
  max_num_load_retries: int = 5
  load_retry_interval_micros: int = 60_000_000
  enable_model_warmup: bool = True


class StartError(Exception):
  """Why there is nothing to serve with, in one line; `exit_code` is the process's."""

  def __init__(self, message: str, exit_code: int) -> None:
    super().__init__(message)
    self.exit_code = exit_code
