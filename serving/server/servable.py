"""One loaded version of a model: its signatures, who uses it, and what computes it."""

import abc
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import model_pb2

from serving.server.errors import Code, ServingError, invalid

DEFAULT_SIGNATURE = 'serving_default'
_IMAGE_RANK = 4

Arrays = Mapping[str, np.ndarray]


class Servable(abc.ABC):
  """A model that answers; safe to use from many threads."""

  def __init__(self, name: str, version: int, signatures: Mapping[str, SignatureDef]) -> None:
    self.name, self.version, self.signatures = name, version, signatures
    self._num_users, self._changed = 0, threading.Condition()
    self._closed = False

  def signature(self, name: str) -> SignatureDef:
    """The signature called `name`; '' is the default one.

    Raises:
      ServingError: FAILED_PRECONDITION, there is none.
    """
    name = name or DEFAULT_SIGNATURE
    if name not in self.signatures:
      message = f'Serving signature key "{name}" not found.'
      raise ServingError(Code.FAILED_PRECONDITION, message)
    return self.signatures[name]

  @abc.abstractmethod
  def run(
    self,
    signature: SignatureDef,
    inputs: Arrays,
    outputs: Sequence[str],
    deadline_s: float | None = None,
  ) -> Arrays:
    """Computes `outputs` (their names in the signature) from arrays of any shape.

    Args:
      signature: of this model, or made of its tensors.
      inputs: by their names in the signature.
      outputs: names in the signature.
      deadline_s: `time.monotonic()` after which nobody waits; None for never.

    Raises:
      ServingError: what TensorFlow says, with its code.
    """

  @abc.abstractmethod
  def free(self) -> None:
    """Gives back the memory; nobody uses it any more."""

  @contextlib.contextmanager
  def in_use(self) -> Iterator[None]:
    """Keeps the model loaded meanwhile."""
    with self._changed:
      self._num_users += 1
    try:
      yield
    finally:
      with self._changed:
        self._num_users -= 1
        self._changed.notify_all()

  def close(self, timeout_s: float | None = None) -> None:
    """Frees the model once, when the last user has left, or cancels them after `timeout_s`."""
    with self._changed:
      self._changed.wait_for(lambda: self._num_users == 0, timeout_s)
      closed, self._closed = self._closed, True
    if not closed:
      self.free()


def check_ranks(signature: SignatureDef, inputs: Arrays, max_rank: int) -> None:
  """Before a computation: what would end the process is the client's mistake.

  Images must be images: a convolution of oneDNN that gets another rank ends the process.

  Raises:
    ServingError: INVALID_ARGUMENT.
  """
  for key, array in sorted(inputs.items()):
    rank = len(signature.inputs[key].tensor_shape.dim)
    if rank >= _IMAGE_RANK and array.ndim != rank:
      raise invalid(f'{key} must be {rank}-dimensional{shape_text(array.shape)}')
    if array.ndim > max_rank:
      raise invalid(f'{key} must have at most {max_rank} dimensions{shape_text(array.shape)}')


def shape_text(shape: Sequence[int]) -> str:
  """A shape as TensorFlow prints it, such as [2,64]."""
  return f'[{",".join(map(str, shape))}]'


def check_deadline(deadline_s: float | None) -> None:
  """Before a computation: nothing is computed for clients that have gone.

  Raises:
    ServingError: DEADLINE_EXCEEDED.
  """
  if deadline_s is not None and time.monotonic() >= deadline_s:
    raise ServingError(Code.DEADLINE_EXCEEDED, 'Timed out waiting for notification')


class Call:
  """One request's use of a version; adds up the time that its computation takes."""

  def __init__(self, servable: Servable, deadline_s: float | None = None) -> None:
    self.version, self.signatures = servable.version, servable.signatures
    self.signature = servable.signature
    self.runtime_s = 0.0
    self._servable, self._deadline_s = servable, deadline_s

  def run(self, signature: SignatureDef, inputs: Arrays, outputs: Sequence[str]) -> Arrays:
    """As `Servable.run`."""
    start_s = time.perf_counter()
    try:
      return self._servable.run(signature, inputs, outputs, self._deadline_s)
    finally:
      self.runtime_s += time.perf_counter() - start_s

  def spec(self, asked: model_pb2.ModelSpec) -> model_pb2.ModelSpec:
    """What answered, in full, for a reply to a request that names a model by `asked`."""
    spec = model_pb2.ModelSpec(name=asked.name)
    spec.version.value = self.version
    spec.signature_name = asked.signature_name or DEFAULT_SIGNATURE
    return spec
