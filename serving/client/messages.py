"""What clients and transports exchange: requests and answers of either protocol.

Legend: B batch. A size of -1 is free.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorSpec:
  """An input or output of a signature."""

  dtype: str  # TensorFlow Serving's name, such as DT_FLOAT
  shape: tuple[int, ...] | None  # None if even the rank is free


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signature:
  """What a call takes and gives."""

  inputs: Mapping[str, TensorSpec]
  outputs: Mapping[str, TensorSpec]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metadata:
  """A version of a model and its signatures by name."""

  version: int
  signatures: Mapping[str, Signature]


@dataclasses.dataclass(frozen=True, kw_only=True)
class VersionStatus:
  """How a version is."""

  version: int
  state: str  # START, LOADING, AVAILABLE, UNLOADING or END
  error: str = ''  # why it could not be loaded


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSpec:
  """Which model, and which version of it: the newest, that of a number or that of a label."""

  name: str
  version: int | None = None
  version_label: str | None = None

  def __str__(self) -> str:
    if self.version is not None:
      return f'model {self.name} version {self.version}'
    label = f' version label {self.version_label}' if self.version_label else ''
    return f'model {self.name}{label}'


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatusRequest:
  """Asks for the states of all versions, or of one; answered by a tuple of VersionStatus."""

  spec: ModelSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetadataRequest:
  """Asks for the signatures; answered by Metadata."""

  spec: ModelSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictRequest:
  """Asks for the outputs of a signature; answered by Prediction."""

  spec: ModelSpec
  signature_name: str
  signature: Signature
  inputs: Arrays


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
  """Outputs by name; strings are arrays of objects that hold bytes."""

  version: int | None  # that answered; REST does not say
  outputs: Arrays


Request = StatusRequest | MetadataRequest | PredictRequest
Answer = tuple[VersionStatus, ...] | Metadata | Prediction
