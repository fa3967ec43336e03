import pathlib
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving.server import profiler
from tests.serving.server import live

NUMBER = {'number': np.ones([2, 1], np.float32)}


def call(server: live.Server, method: str, request: bytes, timeout_s: float = 60):
  stub = server.channel.unary_unary(f'/tensorflow.ProfilerService/{method}')
  return stub.future(request, timeout=timeout_s)


def request(folder: pathlib.Path | str, duration_ms: int) -> bytes:
  return profiler._ProfileRequest(
    duration_ms=duration_ms, repository_root=str(folder), session_id='session', host_name='here'
  ).SerializeToString()


def test_tensorflows_own_client_gets_a_trace(odd_server: live.Server, tmp_path: pathlib.Path):
  done = threading.Event()

  def ask() -> None:
    while not done.is_set():
      odd_server.predict('', **NUMBER)

  asking = threading.Thread(target=ask)
  asking.start()
  try:
    for duration_ms in (300, 3_000, 30_000):  # on a busy machine no request runs in the first
      names = traced(odd_server, tmp_path / str(duration_ms), duration_ms)
      if found := any('Session' in name for name in names):
        break
  finally:
    done.set()
    asking.join(60)
  assert found, names


def traced(server: live.Server, folder: pathlib.Path, duration_ms: int) -> set[str]:
  """The names of what TensorFlow's own client saw."""
  address = f'grpc://127.0.0.1:{server.grpc_port}'
  tf.profiler.experimental.client.trace(address, str(folder), duration_ms)
  (trace,) = folder.rglob('*.xplane.pb')
  space = profiler.xplane_pb2.XSpace.FromString(trace.read_bytes())
  return {m.name for plane in space.planes for m in plane.event_metadata.values()}


def test_recording_can_be_ended(odd_server: live.Server, tmp_path: pathlib.Path):
  recording = call(odd_server, 'Profile', request(tmp_path, 600_000), 120)
  terminate(odd_server, recording)
  recording.result()
  assert (tmp_path / 'session' / 'here.xplane.pb').exists()


def terminate(server: live.Server, recording: grpc.Future) -> None:
  end = profiler._TerminateRequest(session_id='session').SerializeToString()
  while not recording.done():
    call(server, 'Terminate', end).result()
    time.sleep(0.05)


def test_one_recording_at_a_time(odd_server: live.Server, tmp_path: pathlib.Path):
  calls = [call(odd_server, 'Profile', request(tmp_path, 600_000), 120) for _ in range(2)]
  while not any(one.done() for one in calls):
    time.sleep(0.05)
  for one in calls:
    terminate(odd_server, one)
  assert {one.code() for one in calls} == {grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS}


@pytest.mark.parametrize('folder', ['', '/dev/null/x'])
def test_traces_that_can_not_be_written(odd_server: live.Server, folder: str):
  assert call(odd_server, 'Profile', request(folder, 1)).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_monitor_is_unimplemented(odd_server: live.Server):
  assert call(odd_server, 'Monitor', b'').code() is grpc.StatusCode.UNIMPLEMENTED
