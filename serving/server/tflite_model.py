"""A version's model.tflite, for a server that is told to prefer it."""

import pathlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import DEFAULT_SIGNATURE, Arrays, Servable, check_deadline, check_ranks

FILE = 'model.tflite'
_METHOD = 'tensorflow/serving/predict'
_MAX_RANK = 6  # XNNPACK keeps no more and would write over other memory


class TfliteModel(Servable):
  """Interpreters for one file: each computes one request at a time, so they are lent out."""

  def __init__(self, name: str, version: int, path: pathlib.Path) -> None:
    self._path, self._lock = path, threading.Lock()
    self._idle = [Interpreter(model_path=str(path))]
    keys = self._idle[0].get_signature_list()
    signatures = {key: _signature(self._idle[0].get_signature_runner(key)) for key in keys}
    self._keys = {key: key for key in keys}
    if len(keys) == 1:  # also what a client gets that names no signature
      (key,) = keys
      self._keys[DEFAULT_SIGNATURE] = key
      signatures[DEFAULT_SIGNATURE] = signatures[key]
    super().__init__(name, version, signatures)

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
      results = interpreter.get_signature_runner(key)(**inputs)
    except (OverflowError, ValueError, RuntimeError) as error:  # it can't be trusted any more
      raise invalid(str(error)) from error
    with self._lock:
      self._idle.append(interpreter)
    return {name: results[name] for name in outputs}

  def free(self) -> None:
    """Drops the interpreters."""
    self._idle.clear()

  def _key_of(self, signature: SignatureDef) -> str:
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
    ServingError: INTERNAL, it is no model or has no signature.
  """
  try:
    model = TfliteModel(name, version, path / FILE)
  except (ValueError, RuntimeError) as error:
    raise ServingError(Code.INTERNAL, f'{path / FILE} could not be loaded: {error}') from error
  if not model.signatures:
    raise ServingError(Code.INTERNAL, f'{path / FILE} has no signature. Convert it with one.')
  return model


def _signature(runner: Any) -> SignatureDef:
  signature = SignatureDef(method_name=_METHOD)
  _describe(runner.get_input_details(), signature.inputs)
  _describe(runner.get_output_details(), signature.outputs)
  return signature


def _describe(details: Mapping[str, dict], infos: Mapping[str, TensorInfo]) -> None:
  for name, detail in details.items():
    infos[name].name = detail['name']
    infos[name].dtype = tf.as_dtype(detail['dtype']).as_datatype_enum
    for size in detail.get('shape_signature', detail['shape']):
      infos[name].tensor_shape.dim.add(size=int(size))
