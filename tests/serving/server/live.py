"""A server in a process of its own, and clients for it."""

import contextlib
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Self

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
  get_model_status_pb2,
  model_service_pb2_grpc,
  predict_pb2,
  prediction_service_pb2_grpc,
)

from serving.server.ports import free_ports

NAME = 'digits'
_TIMEOUT_S = 120
_MAX_BYTES = 4 * 2**30  # several tensors of the largest size that a short message may stand for


class Process:
  """`python -m serving.server` with flags; its output is read line by line.

  As a context it is entered when it serves, and stopped in the end.
  """

  def __init__(self, *flags: str) -> None:
    self._process = subprocess.Popen(
      [sys.executable, '-m', 'serving.server', *flags],
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      env={**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '2', 'CUDA_VISIBLE_DEVICES': '-1'},
    )
    self.lines: list[str] = []
    self._new: queue.Queue[str | None] = queue.Queue()
    self._reader = threading.Thread(target=self._read, daemon=True)
    self._reader.start()

  def __enter__(self) -> Self:
    try:
      self.wait_for('Serving')
    except BaseException:
      self.stop()
      raise
    return self

  def __exit__(self, *_: object) -> None:
    self.stop()

  def _read(self) -> None:
    assert self._process.stdout is not None
    for line in self._process.stdout:
      self._new.put(line.rstrip('\n'))
    self._new.put(None)

  def wait_for(self, text: str) -> str:
    """The first new line that holds `text`."""
    while True:
      line = self._new.get(timeout=_TIMEOUT_S)
      assert line is not None, f'ended without {text!r}:\n' + '\n'.join(self.lines)
      self.lines.append(line)
      if text in line:
        return line

  @property
  def pid(self) -> int:
    return self._process.pid

  def new_lines(self) -> list[str]:
    """What was printed since the last look."""
    lines = []
    while not self._new.empty():
      if (line := self._new.get()) is not None:
        lines.append(line)
    self.lines += lines
    return lines

  def check_health(self) -> None:
    """No defect was logged since the last look, and memory has stayed within bounds."""
    assert 'Traceback' not in '\n'.join(self.new_lines())
    status = pathlib.Path(f'/proc/{self.pid}/status').read_text()
    (peak,) = (line for line in status.splitlines() if line.startswith('VmHWM'))
    assert int(peak.split()[1]) * 1024 < _MAX_BYTES

  def signal(self, number: int) -> None:
    self._process.send_signal(number)

  def exit_code(self, timeout_s: float = _TIMEOUT_S) -> int:
    code = self._process.wait(timeout_s)
    assert self._process.stdout is not None
    if self._process.stdout.closed:  # asked before
      return code
    self._reader.join(_TIMEOUT_S)
    self.new_lines()
    self._process.stdout.close()
    return code

  def stop(self) -> int:
    if self._process.poll() is None:
      self._process.send_signal(signal.SIGTERM)
    try:
      return self.exit_code()
    finally:
      self._process.kill()  # if it did not heed the signal


class Server(Process):
  """A process with both protocols on free ports."""

  def __init__(self, base_path: pathlib.Path | None, *flags: str) -> None:
    """Serves one model, or what `flags` say if `base_path` is None."""
    self.config_file = pathlib.Path()
    self.grpc_port, self.rest_port = free_ports(2)
    one = [] if base_path is None else [f'--model_name={NAME}', f'--model_base_path={base_path}']
    super().__init__(f'--port={self.grpc_port}', f'--rest_api_port={self.rest_port}', *one, *flags)
    self.channel = grpc.insecure_channel(
      f'127.0.0.1:{self.grpc_port}', options=[('grpc.max_receive_message_length', -1)]
    )
    self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
    self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)

  def rest(
    self, path: str, body: bytes | dict | None = None, method: str | None = None, **headers: str
  ) -> tuple[int, bytes]:
    """Status and body of the reply; POST if there is a body."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(
      f'http://127.0.0.1:{self.rest_port}{path}',
      data,
      {key.replace('_', '-'): value for key, value in headers.items()},
      method=method,
    )
    try:
      with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
        return reply.status, reply.read()
    except urllib.error.HTTPError as error:
      with error:
        return error.code, error.read()

  def post(self, body: bytes | dict) -> Any:
    """The reply of a Predict call that goes well."""
    status, reply = self.rest(f'/v1/models/{NAME}:predict', body)
    assert status == 200, reply
    return json.loads(reply)

  def predict(
    self, signature: str, version: int | None = None, **inputs: np.ndarray
  ) -> predict_pb2.PredictResponse:
    return self.prediction.Predict(predict_request(signature, version, **inputs), _TIMEOUT_S)

  def states(self, name: str = NAME) -> dict[int, str]:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    response = self.model.GetModelStatus(request, _TIMEOUT_S)
    names = get_model_status_pb2.ModelVersionStatus.State.Name
    return {s.version: names(s.state) for s in response.model_version_status}

  def _states_so_far(self, name: str) -> dict[int, str]:
    try:
      return self.states(name)
    except grpc.RpcError as error:
      if error.code() is grpc.StatusCode.NOT_FOUND:
        return {}
      raise

  def wait_for_label(self, label: str, version: int) -> None:
    """Waits until this version answers to the label."""
    request = predict_request('', seed=np.array([1]), label=np.array([0]))
    request.model_spec.version_label = label
    end_s, found = time.monotonic() + _TIMEOUT_S, None
    while found != version:
      assert time.monotonic() < end_s, (found, self.new_lines())
      time.sleep(0.05)
      with contextlib.suppress(grpc.RpcError):  # the label is not known yet
        found = self.prediction.Predict(request, _TIMEOUT_S).model_spec.version.value

  def wait_for_states(self, name: str = NAME, /, **expected: str) -> None:
    """Waits for states like `v2='AVAILABLE'`."""
    wanted = {int(key[1:]): state for key, state in expected.items()}
    end_s = time.monotonic() + _TIMEOUT_S
    while (states := self._states_so_far(name)) != wanted:
      assert time.monotonic() < end_s, (states, self.lines)
      time.sleep(0.05)

  def stop(self) -> int:
    self.channel.close()
    return super().stop()


def config(**base_paths: pathlib.Path) -> str:
  """The text proto of a configuration: name=folder."""
  models = (
    f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}'
    for name, path in base_paths.items()
  )
  return f'model_config_list {{ {" ".join(models)} }}'


def predict_request(
  signature: str, version: int | None = None, **inputs: np.ndarray
) -> predict_pb2.PredictRequest:
  request = predict_pb2.PredictRequest()
  request.model_spec.name = NAME
  request.model_spec.signature_name = signature
  if version is not None:
    request.model_spec.version.value = version
  for key, value in inputs.items():
    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
  return request
