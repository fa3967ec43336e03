"""A version's model.tflite, for a server that is told to prefer it."""

import logging
import pathlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from serving.server import predict
from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import DEFAULT_SIGNATURE, Arrays, Servable, check_deadline, check_ranks

FILE = 'model.tflite'
_MAX_RANK = 6  # XNNPACK keeps no more and would write over other memory
_log = logging.getLogger(__name__)


class TfliteModel(Servable):
  """Interpreters for one file: each computes one request at a time, so they are lent out."""

  def __init__(self, name: str, version: int, path: pathlib.Path) -> None:
    self._path, self._lock = path, threading.Lock()
    self._idle = [Interpreter(model_path=str(path))]
    keys = self._idle[0].get_signature_list()
    if not keys:
      _log.warning('%s has no signature: its tensors are served by their names.', path)
    self._keys: dict[str, str | None] = {key: key for key in keys}
    if len(keys) <= 1:  # also what a client gets that names no signature
      self._keys[DEFAULT_SIGNATURE] = next(iter(keys), None)
    runners = {name: _runner(self._idle[0], key) for name, key in self._keys.items()}
    super().__init__(name, version, {name: _signature(r) for name, r in runners.items()})

  def run(
    self,
    signature: SignatureDef,
    inputs: Arrays,
    outputs: Sequence[str],
    deadline_s: float | None = None,
  ) -> Arrays:
    """As in `Servable`; the model is fitted to the shapes that come.

    Raises:
      ServingError: INVALID_ARGUMENT, it can't be, or a type is wrong; UNIMPLEMENTED, the signature
        is none of the model's own.
    """
    check_deadline(deadline_s)
    check_ranks(signature, inputs, _MAX_RANK)
    key = self._key_of(signature)
    interpreter = self._borrow()
    try:
      results = _runner(interpreter, key)(**inputs)
    except (OverflowError, ValueError, RuntimeError) as error:  # it can't be trusted any more
      raise invalid(str(error)) from error
    with self._lock:
      self._idle.append(interpreter)
    return {name: results[name] for name in outputs}

  def free(self) -> None:
    """Drops the interpreters."""
    self._idle.clear()

  def _key_of(self, signature: SignatureDef) -> str | None:
    for name, own in self.signatures.items():
      if own == signature:
        return self._keys[name]
    raise ServingError(Code.UNIMPLEMENTED, 'MultiInference is not for TFLite models.')

  def _borrow(self) -> Interpreter:
    with self._lock:
      if self._idle:
        return self._idle.pop()
    return Interpreter(model_path=str(self._path))


def load(name: str, version: int, path: pathlib.Path) -> TfliteModel:
  """Loads a version's model.tflite.

  Raises:
    ServingError: INTERNAL, it is no model.
  """
  try:
    return TfliteModel(name, version, path / FILE)
  except (ValueError, RuntimeError) as error:
    raise ServingError(Code.INTERNAL, f'{path / FILE} could not be loaded: {error}') from error


class _Tensors:
  """Stands for the runner of a signature in files that have none: names are the tensors'."""

  def __init__(self, interpreter: Interpreter) -> None:
    self._interpreter = interpreter

  def get_input_details(self) -> dict[str, dict]:
    return _by_name(self._interpreter.get_input_details())

  def get_output_details(self) -> dict[str, dict]:
    return _by_name(self._interpreter.get_output_details())

  def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    details = self.get_input_details()
    for name, array in inputs.items():
      self._interpreter.resize_tensor_input(details[name]['index'], array.shape)
    self._interpreter.allocate_tensors()
    for name, array in inputs.items():
      self._interpreter.set_tensor(details[name]['index'], array)
    self._interpreter.invoke()
    outputs = self.get_output_details()
    return {name: self._interpreter.get_tensor(d['index']) for name, d in outputs.items()}


def _by_name(details: Sequence[dict]) -> dict[str, dict]:
  """Tensors by their names, without the `:0` that newer converters leave there."""
  return {detail['name'].partition(':')[0]: detail for detail in details}


def _runner(interpreter: Interpreter, key: str | None) -> Any:
  """What computes a signature; None is for a file without any."""
  return _Tensors(interpreter) if key is None else interpreter.get_signature_runner(key)


def _signature(runner: Any) -> SignatureDef:
  signature = SignatureDef(method_name=predict.METHOD)
  _describe(runner.get_input_details(), signature.inputs)
  _describe(runner.get_output_details(), signature.outputs)
  return signature


def _describe(details: Mapping[str, dict], infos: Mapping[str, TensorInfo]) -> None:
  for name, detail in details.items():
    infos[name].name = detail['name']
    infos[name].dtype = tf.as_dtype(detail['dtype']).as_datatype_enum
    for size in detail.get('shape_signature', detail['shape']):
      infos[name].tensor_shape.dim.add(size=int(size))
