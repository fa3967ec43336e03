"""Which of a model's versions should be served: the newest, all, or those named.

Source: https://www.tensorflow.org/tfx/serving/serving_config#model_version_policy.
"""

import pathlib
from collections.abc import Callable, Mapping

from tensorflow_serving.config.file_system_storage_path_source_pb2 import (
  FileSystemStoragePathSourceConfig,
)

Folders = Mapping[int, pathlib.Path]
Choice = Callable[[Folders], Folders]


def choice(policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy) -> Choice:
  """The function from found versions to wanted ones; by default the newest."""
  kind = policy.WhichOneof('policy_choice')
  if kind == 'all':
    return dict
  if kind == 'specific':
    wanted = frozenset(policy.specific.versions)
    return lambda found: {number: found[number] for number in wanted & found.keys()}
  num_versions = max(policy.latest.num_versions, 1)
  return lambda found: latest(found, num_versions)


def latest(found: Folders, num_versions: int = 1) -> Folders:
  """The highest numbers."""
  return {version: found[version] for version in sorted(found)[-num_versions:]}


def none(found: Folders) -> Folders:
  """Nothing: the policy of a model that was taken out of the configuration."""
  return {}
