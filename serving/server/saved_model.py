"""A SavedModel and the TensorFlow session that computes it.

A version 1 session, because TF Serving runs the same C++ class: equal kernels, equal errors, and
no checks of sizes against the signature, which Python's concrete functions would add.
"""

import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.server.errors import Code, ServingError, from_number, invalid
from serving.server.servable import Arrays, Servable, check_deadline, check_ranks

_MAX_RANK = 32  # TensorFlow's way from an array of strings to a tensor ends the process above it
_MAX_CALLABLES = 64  # prepared calls kept; one for each set of outputs that clients ask for

_Call = Callable[..., Sequence[np.ndarray]]  # arrays in the order of the feeds -> of the fetches


class SavedModel(Servable):
  """A loaded graph."""

  def __init__(
    self,
    name: str,
    version: int,
    session: tf.compat.v1.Session,
    meta_graph: tf.compat.v1.MetaGraphDef,
  ) -> None:
    super().__init__(name, version, dict(meta_graph.signature_def))
    self._session = session
    self._callables: dict[tuple, _Call] = {}

  def run(
    self,
    signature: SignatureDef,
    inputs: Arrays,
    outputs: Sequence[str],
    deadline_s: float | None = None,
  ) -> Arrays:
    """As in `Servable`; TensorFlow can't be interrupted, so the deadline counts at the start."""
    check_deadline(deadline_s)
    check_ranks(signature, inputs, _MAX_RANK)
    feeds = {signature.inputs[key].name: array for key, array in sorted(inputs.items())}
    fetches = tuple(sorted({signature.outputs[key].name for key in outputs}))
    try:
      values = self._callable(tuple(feeds), fetches)(*feeds.values())
    except tf.errors.OpError as error:
      raise from_number(error.error_code, error.message) from None
    except UnicodeDecodeError as error:  # TensorFlow's message quotes bytes of the request
      raise invalid(error.object.decode('utf-8', 'replace')) from None
    by_tensor = dict(zip(fetches, map(_array, values), strict=True))
    return {key: by_tensor[signature.outputs[key].name] for key in outputs}

  def free(self) -> None:
    """Ends the session."""
    self._callables.clear()
    self._session.close()

  def _callable(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> _Call:
    key = feeds, fetches
    call = self._callables.get(key)
    if call is None:
      if len(self._callables) >= _MAX_CALLABLES:
        self._callables.clear()
      options = CallableOptions(feed=feeds, fetch=fetches)
      # Private in TensorFlow, but the only door to Session::MakeCallable; `run` checks shapes.
      call = self._callables[key] = self._session._make_callable_from_options(options)
    return call


def _array(value: np.ndarray | np.generic | bytes) -> np.ndarray:
  """A fetched value; TensorFlow gives scalars without their array."""
  return np.array(value, object) if isinstance(value, bytes) else np.asarray(value)


def load(
  name: str,
  version: int,
  path: pathlib.Path,
  tags: Sequence[str] = ('serve',),
  config: tf.compat.v1.ConfigProto | None = None,
) -> SavedModel:
  """Loads a SavedModel's graph that has these tags into a session of that configuration.

  Raises:
    ServingError: the folder holds no model that can be loaded.
  """
  session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
  try:
    with session.graph.as_default():
      meta_graph = tf.compat.v1.saved_model.load(session, list(tags), str(path))
  except Exception as error:  # a damaged folder raises anything from DecodeError to KeyError
    session.close()
    raise _load_error(path, error) from error
  return SavedModel(name, version, session, meta_graph)


def _load_error(path: pathlib.Path, error: Exception) -> ServingError:
  files = (path / f'saved_model.{kind}' for kind in ('pb', 'pbtxt'))
  if not any(map(os.path.exists, files)):  # Path.exists raises where the folder may not be read
    message = f'Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}'
    return ServingError(Code.NOT_FOUND, message)
  if isinstance(error, tf.errors.OpError):
    return from_number(error.error_code, error.message)
  return ServingError(Code.INTERNAL, f'{path} could not be loaded: {error}')
