"""A version from its folder: loaded, batched if asked for, and warmed up."""

import pathlib

from serving.server import servable, warm_up
from serving.server.errors import ServingError
from serving.server.options import Options
from serving.server.version_policy import Choice
from serving.server.versions import ModelVersions, Timing


class Loader:
  """Loads models as the flags ask for."""

  def __init__(self, options: Options) -> None:
    self._options = options
    self._timing = Timing(
      poll_s=options.file_system_poll_wait_seconds,
      max_retries=options.max_num_load_retries,
      retry_interval_s=options.load_retry_interval_micros / 1e6,
    )

  def make(self, name: str, base_path: pathlib.Path, choose: Choice) -> ModelVersions:
    """A model that is not started yet."""
    return ModelVersions(name, base_path, self.load, self._timing, choose)

  def load(self, name: str, version: int, path: pathlib.Path) -> servable.Servable:
    """A version that is ready for traffic.

    Raises:
      ServingError: it can't be loaded, or a warm-up record failed.
    """
    loaded = servable.load(name, version, path, self._options.saved_model_tags.split(','))
    if self._options.enable_model_warmup:
      try:
        warm_up.warm_up(loaded, path, max(1, self._options.num_request_iterations_for_warmup))
      except ServingError:
        loaded.close()
        raise
    return loaded
