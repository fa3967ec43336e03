"""Labels of versions, in the text file that TF Serving reads with --model_config_file.

A client that asks for a label follows it from version to version. The file names the versions that
are served: those with a label, the stable one before, so that the label can go back to it at once,
and one that is loaded to get a label later. A server that reads a label moved to a version that it
has not loaded refuses the whole file. It holds all models of a folder; what it says of others is
kept.
"""

import contextlib
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.push import durable

FILE = 'models.config'  # in the folder that holds the models
STABLE, CANARY = 'stable', 'canary'


def read(config_file: pathlib.Path, model_name: str) -> dict[str, int]:
  """The labels of a model; none if there is no such file or model.

  Raises:
    ValueError: the file is no configuration of TF Serving.
  """
  found = [each for each in _models(_parse(config_file)) if each.name == model_name]
  return dict(found[0].version_labels) if found else {}


def served(config_file: pathlib.Path, model_name: str) -> set[int]:
  """The versions of a model that the file names.

  Raises:
    ValueError: the file is no configuration of TF Serving.
  """
  found = [each for each in _models(_parse(config_file)) if each.name == model_name]
  return set(found[0].model_version_policy.specific.versions) if found else set()


def write(
  config_file: pathlib.Path,
  folder: pathlib.Path,
  labels: Mapping[str, int],
  beside: Collection[int] = (),
) -> None:
  """Sets the labels of a model, and serves their versions.

  Args:
    config_file: made if it is missing; comments in it are lost.
    folder: of the model's versions, named as the model.
    labels: version of each label, the stable one among them.
    beside: versions to serve without a label.

  Raises:
    ValueError: the file is no configuration of TF Serving.
  """
  config = _parse(config_file)
  model = next((each for each in _models(config) if each.name == folder.name), None)
  if model is None:
    model = _models(config).add(
      name=folder.name, base_path=str(folder.resolve()), model_platform='tensorflow'
    )
  versions = {*labels.values(), *beside, model.version_labels.get(STABLE, labels[STABLE])}
  model.version_labels.clear()
  model.version_labels.update(labels)
  model.model_version_policy.Clear()
  model.model_version_policy.specific.versions.extend(sorted(versions))
  durable.write_text(config_file, text_format.MessageToString(config))


def locked(config_file: pathlib.Path) -> contextlib.AbstractContextManager[None]:
  """Lets one process at a time change a folder's labels and remove its versions."""
  return durable.locked(config_file.with_name(f'.{config_file.name}.lock'))


def _parse(config_file: pathlib.Path) -> model_server_config_pb2.ModelServerConfig:
  config = model_server_config_pb2.ModelServerConfig()
  if config_file.exists():
    try:
      text_format.Parse(config_file.read_text(encoding='utf-8'), config)
    except text_format.ParseError as error:
      raise ValueError(f'{config_file} is no configuration of TF Serving: {error}') from error
  return config


def _models(config: model_server_config_pb2.ModelServerConfig) -> Any:
  return config.model_config_list.config
