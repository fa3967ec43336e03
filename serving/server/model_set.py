"""Which models are served: from a configuration, and from the next one while the server runs."""

import concurrent.futures
import logging
import pathlib
import threading
from collections.abc import Callable, Iterable, Mapping

from tensorflow_serving.config.model_server_config_pb2 import (
  TENSORFLOW,
  ModelConfig,
  ModelServerConfig,
)

from serving.server import version_policy
from serving.server.errors import Code, ServingError, invalid
from serving.server.models import Models
from serving.server.version_policy import Choice
from serving.server.versions import AVAILABLE, ModelVersions

_PLATFORM = 'tensorflow'
_PATIENCE_S = 0.2  # between looks whether the client of a reload still waits
_log = logging.getLogger(__name__)

Labels = Mapping[str, Mapping[str, int]]  # model -> label -> version
Make = Callable[[str, pathlib.Path, Choice], ModelVersions]


class ModelSet:
  """Applies configurations to `models`, one at a time."""

  def __init__(self, models: Models, make: Make, *, labels_before_versions: bool) -> None:
    """Starts empty.

    Args:
      models: what requests are answered from.
      make: a model that is not started yet, from its name, folder and version policy.
      labels_before_versions: new labels may name versions that are not loaded.
    """
    self._models, self._make = models, make
    self._labels_before_versions = labels_before_versions
    self._served: dict[str, ModelVersions] = {}  # those taken out too: their states stay known
    self._configs: dict[str, ModelConfig] = {}
    self._lock = threading.Lock()

  def apply(self, config: ModelServerConfig) -> list[ModelVersions]:
    """Makes `config` the whole truth; returns the models that are new, which begin to load.

    Raises:
      ServingError: INVALID_ARGUMENT for a configuration that can't be, FAILED_PRECONDITION for a
        label of a version that is not available. Nothing is changed then.
    """
    if config.WhichOneof('config') is None:
      _log.info('Taking no action for an empty config.')
      return []
    with self._lock:
      configs = _validated(config)
      self._check_platforms(configs.values())
      labels = self._labels(configs.values())
      new = [self._follow(c) for c in configs.values()]
      for name in self._configs.keys() - configs.keys():
        self._served[name].configure(pathlib.Path(), version_policy.none)
      started = [m for m, c in zip(new, configs, strict=True) if c not in self._configs]
      self._configs = configs
      self._models.replace(self._served, labels)
    return started

  def stop(self, deadline_s: float) -> None:
    """Unloads every model; requests that last until `deadline_s`, monotonic, are cancelled."""
    for model in list(self._served.values()):
      model.stop(deadline_s)

  def _follow(self, config: ModelConfig) -> ModelVersions:
    path, choose = (
      pathlib.Path(config.base_path),
      version_policy.choice(config.model_version_policy),
    )
    model = self._served.get(config.name)
    if model is None:
      model = self._served[config.name] = self._make(config.name, path, choose)
      model.start()
    else:
      model.configure(path, choose)
    return model

  def _check_platforms(self, configs: Iterable[ModelConfig]) -> None:
    for config in configs:
      old = self._configs.get(config.name)
      if old and _platform(old) != _platform(config):
        raise invalid(
          f"Illegal to change a model's platform. For model {config.name} platform was"
          f' {_platform(old)} and new platform requested is {_platform(config)}'
        )
      if _platform(config) != _PLATFORM:
        raise invalid(f'Model {config.name} requests unsupported platform {_platform(config)}')

  def _labels(self, configs: Iterable[ModelConfig]) -> Labels:
    for config in configs:
      model = self._served.get(config.name)
      states = {number: state for number, state, _ in model.statuses()} if model else {}
      for label, number in sorted(config.version_labels.items()):
        moved = self._models.labels.get(config.name, {}).get(label, number) != number
        free = self._labels_before_versions and not moved
        if not free and states.get(number) != AVAILABLE:
          raise ServingError(
            Code.FAILED_PRECONDITION,
            f'Request to assign label to version {number} of model {config.name},'
            ' which is not currently available for inference',
          )
    return {config.name: dict(config.version_labels) for config in configs}


def wait_until_available(
  models: Iterable[ModelVersions], kind: str, goes_on: Callable[[], bool]
) -> None:
  """Waits until each model serves a version, or `goes_on` says no.

  Raises:
    ServingError: UNKNOWN, a model failed; CANCELLED, nobody waits any more.
  """
  failed = []
  for model in models:
    while not model.first.done():
      concurrent.futures.wait([model.first], _PATIENCE_S)
      if not goes_on():
        raise ServingError(Code.CANCELLED, 'Cancelled while models were loading')
    if (error := model.first.exception()) is not None:
      version = model.statuses()[0][0]
      failed.append(f'{{{{name: {model.name} version: {version}}} due to error: {error}}}, ')
  if failed:
    message = f'{len(failed)} {kind}(s) did not become available: {{{"".join(failed)}}}'
    raise ServingError(Code.UNKNOWN, message)


def single(name: str, base_path: str) -> ModelServerConfig:
  """The configuration that --model_name and --model_base_path stand for."""
  config = ModelServerConfig()
  path = str(pathlib.Path(base_path).absolute())
  config.model_config_list.config.add(name=name, base_path=path, model_platform=_PLATFORM)
  return config


def _validated(config: ModelServerConfig) -> dict[str, ModelConfig]:
  """The models of a configuration by name."""
  if config.WhichOneof('config') != 'model_config_list':
    raise invalid('Invalid ServerModelConfig: this server knows model_config_list alone')
  configs: dict[str, ModelConfig] = {}
  for one in config.model_config_list.config:
    if one.name in configs:
      raise invalid(f'Illegal to list model {one.name} multiple times in config list')
    if not pathlib.Path(one.base_path).is_absolute():
      raise invalid(
        f'Expected model {one.name} to have an absolute path or URI;'
        f' got base_path()={one.base_path}'
      )
    configs[one.name] = one
  return configs


def _platform(config: ModelConfig) -> str:
  if config.model_type:
    if config.model_platform:
      raise invalid(
        'Illegal setting both ModelServerConfig::model_type (deprecated) and'
        ' ModelServerConfig::model_platform.'
      )
    if config.model_type == TENSORFLOW:
      return _PLATFORM
    raise invalid(f'ModelServerConfig::model_type choice {config.model_type} not supported.')
  if not config.model_platform:
    raise invalid(
      'Illegal setting neither ModelServerConfig::model_type (deprecated) nor'
      ' ModelServerConfig::model_platform.'
    )
  return config.model_platform
