"""All models of a server: from a request's `model_spec` to a version, and their states."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import Servable
from serving.server.versions import AVAILABLE, ModelVersions

_METADATA_FIELD = 'signature_def'


class Models:
  """Models by name, and labels of their versions; both may be replaced at any time."""

  def __init__(self) -> None:
    self._models: Mapping[str, ModelVersions] = {}
    self.labels: Mapping[str, Mapping[str, int]] = {}  # model -> label -> version

  def replace(
    self, models: Mapping[str, ModelVersions], labels: Mapping[str, Mapping[str, int]]
  ) -> None:
    """Answers from other models and labels from now on."""
    self._models, self.labels = dict(models), labels

  def __contains__(self, name: str) -> bool:
    return name in self._models

  def served(self) -> dict[str, int]:
    """The newest available version of each model that has one."""
    available = {
      name: [number for number, state, _ in model.statuses() if state == AVAILABLE]
      for name, model in sorted(self._models.items())
    }
    return {name: numbers[0] for name, numbers in available.items() if numbers}

  def summary(self) -> str:
    """What is served, for people."""
    return ', '.join(f'{name} version {v}' for name, v in self.served().items()) or 'no model'

  @contextlib.contextmanager
  def use(self, spec: model_pb2.ModelSpec) -> Iterator[Servable]:
    """The version that a request asks for; it stays loaded meanwhile.

    Raises:
      ServingError: INVALID_ARGUMENT without a name or with an unknown label, NOT_FOUND if nothing
        of that name and version is being served.
    """
    if not spec.name:
      raise invalid('ModelSpec has no name specified.')
    number = self._version(spec)
    if spec.name not in self._models:
      which = f'Latest({spec.name})' if number is None else f'Specific({spec.name}, {number})'
      raise ServingError(Code.NOT_FOUND, f'Servable not found for request: {which}')
    with self._models[spec.name].use(number) as servable:
      yield servable

  def _version(self, spec: model_pb2.ModelSpec) -> int | None:
    """The version that a request names, by number or label; None for the newest."""
    if spec.WhichOneof('version_choice') == 'version_label':
      labels = self.labels.get(spec.name, {})
      if spec.version_label not in labels:
        raise invalid(f'Unrecognized servable version label: {spec.version_label}')
      return labels[spec.version_label]
    return spec.version.value if spec.HasField('version') else None

  def status(
    self, request: get_model_status_pb2.GetModelStatusRequest
  ) -> get_model_status_pb2.GetModelStatusResponse:
    """The state of one version, or of all, newest first. A label is not looked at.

    Raises:
      ServingError: INVALID_ARGUMENT without a spec, NOT_FOUND.
    """
    spec = spec_of(request)
    model = self._models.get(spec.name)
    known = model.statuses() if model else []
    if spec.HasField('version'):
      number = spec.version.value
      known = [status for status in known if status[0] == number]
      missing = f'Could not find version {number} of model {spec.name}'
    else:
      missing = f'Could not find any versions of model {spec.name}'
    if not known:
      raise ServingError(Code.NOT_FOUND, missing)
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in known:
      status = response.model_version_status.add(version=number, state=state)
      # An empty status is written too: its text form shows OK.
      status.status.error_code = error.code.value[0] if error else 0
      status.status.error_message = error.message if error else ''
    return response

  def metadata(
    self, request: get_model_metadata_pb2.GetModelMetadataRequest
  ) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """The signatures of a version.

    Raises:
      ServingError: INVALID_ARGUMENT for any field but `signature_def`, or as `use`.
    """
    spec = spec_of(request)
    if not request.metadata_field:
      raise invalid('GetModelMetadataRequest must specify at least one metadata_field')
    for field in request.metadata_field:
      if field != _METADATA_FIELD:
        raise invalid(f'Metadata field {field} is not supported')
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    with self.use(spec) as servable:
      for name, signature in servable.signatures.items():
        signatures.signature_def[name].CopyFrom(signature)
      response.model_spec.name = servable.name
      response.model_spec.version.value = servable.version
    response.metadata[_METADATA_FIELD].Pack(signatures)
    return response


def spec_of(request: Any) -> model_pb2.ModelSpec:
  """The model that a request of any method names.

  Raises:
    ServingError: INVALID_ARGUMENT, it names none.
  """
  if not request.HasField('model_spec'):
    raise invalid('Missing ModelSpec')
  return request.model_spec
