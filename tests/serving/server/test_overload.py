"""More gRPC calls than can be computed: an end to the queue, nothing for clients that have gone."""

import pathlib
import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.server import grpc_service, model_set, ports
from serving.server.inference import Inference
from serving.server.metrics import Metrics
from serving.server.models import Models
from serving.server.options import Options
from serving.server.ports import free_ports
from serving.server.servable import Servable
from serving.server.versions import ModelVersions, Timing
from tests.serving.server import live

SIGNATURE = SignatureDef()
SIGNATURE.inputs['x'].dtype = types_pb2.DT_FLOAT
SIGNATURE.outputs['x'].dtype = types_pb2.DT_FLOAT
LIMIT = grpc_service._CALLS_PER_THREAD
CODES = grpc.StatusCode
_GOES = (('goes', 'soon'),)


class Held(Servable):
  """Answers when it may go on; counts what it began."""

  def __init__(self, name: str, version: int, path: pathlib.Path) -> None:
    super().__init__(name, version, {'serving_default': SIGNATURE})
    self.go, self.begun = threading.Event(), threading.Semaphore(0)
    self.num_runs = 0

  def run(self, signature, inputs, outputs, deadline_s=None):
    self.num_runs += 1
    self.begun.release()
    assert self.go.wait(60)
    return inputs

  def free(self) -> None:
    self.go.set()


class Busy:
  """A gRPC server with one thread, and its model."""

  def __init__(self, base_path: pathlib.Path, **flags: bool) -> None:
    (base_path / '1').mkdir()
    self.model: Held

    def load(*arguments) -> Held:
      self.model = Held(*arguments)
      return self.model

    models, metrics, options = Models(), Metrics(), Options(grpc_max_threads=1, **flags)
    self.versions = ModelVersions(live.NAME, base_path, load, Timing(poll_s=0))
    self.versions.start()
    models.replace({live.NAME: self.versions}, {})
    assert self.versions.first.result(60) == 1
    served = model_set.ModelSet(models, lambda *_: self.versions, labels_before_versions=False)
    inference = Inference(models, metrics, options)
    self.server = grpc_service.create_server(inference, served, options)
    (port,) = free_ports(1)
    ports.open_grpc(self.server, '127.0.0.1', port, '', None)
    self.channel = grpc.insecure_channel(f'127.0.0.1:{port}')
    self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

  def call(self, timeout_s: float = 60, *, goes: bool = False):
    """`goes` tells the server's side of the test to wait until it knows that the client has."""
    request = live.predict_request('', x=np.ones([1], np.float32))
    return self.stub.Predict.future(request, timeout_s, metadata=_GOES if goes else ())

  def stop(self) -> None:
    self.model.go.set()
    self.channel.close()
    self.server.stop(60).wait(60)
    self.versions.stop(time.monotonic() + 60)


@pytest.mark.parametrize('enabled', [True, False])
def test_profiler_may_be_off(tmp_path: pathlib.Path, enabled: bool):
  busy = Busy(tmp_path, enable_profiler=enabled)
  terminate = busy.channel.unary_unary('/tensorflow.ProfilerService/Terminate')
  code = terminate.future(b'', 60).code()
  busy.stop()
  assert (code is CODES.UNIMPLEMENTED) != enabled


@pytest.fixture
def busy(tmp_path: pathlib.Path) -> Iterator[Busy]:
  busy = Busy(tmp_path)
  yield busy
  busy.stop()


def test_deadline_is_told_without_waiting_for_the_run(busy: Busy):
  for timeout_s in (0.5, 5, 50):  # on a busy machine the first has ended before it is begun
    first = busy.call(timeout_s)
    if busy.model.begun.acquire(timeout=timeout_s + 1):
      break
  late = busy.call(0.2)
  assert late.code() is CODES.DEADLINE_EXCEEDED
  assert first.code() is CODES.DEADLINE_EXCEEDED
  assert not busy.model.go.is_set()


def test_nothing_is_computed_for_clients_that_have_gone(busy: Busy, monkeypatch):
  time_left_s = grpc_service._time_left_s

  def known(context: grpc.ServicerContext) -> float | None:
    end_s = time.monotonic() + 60
    while _GOES[0] in context.invocation_metadata() and context.is_active():
      assert time.monotonic() < end_s
      time.sleep(0.01)
    return time_left_s(context)

  monkeypatch.setattr(grpc_service, '_time_left_s', known)
  first = busy.call()
  assert busy.model.begun.acquire(timeout=60)
  late, cancelled = busy.call(0.2, goes=True), busy.call(goes=True)
  assert late.code() is CODES.DEADLINE_EXCEEDED
  cancelled.cancel()
  busy.model.go.set()
  assert first.code() is CODES.OK
  assert busy.call().code() is CODES.OK  # came after the two in the queue
  assert busy.model.num_runs == 2


def test_the_queue_has_an_end(busy: Busy):
  first = busy.call()
  assert busy.model.begun.acquire(timeout=60)
  others = [busy.call() for _ in range(LIMIT + 9)]
  end_s = time.monotonic() + 60
  while len(refused := [call for call in others if _refused(call)]) < 10:
    assert time.monotonic() < end_s
  busy.model.go.set()
  answered = [first, *(call for call in others if call not in refused)]
  assert len(answered) == LIMIT
  assert {call.code() for call in answered} == {CODES.OK}


def _refused(call) -> bool:
  return call.done() and call.code() is CODES.RESOURCE_EXHAUSTED


class Context:
  """Of a call whose client has gone or not."""

  def __init__(self, active: bool) -> None:
    self._active = active

  def is_active(self) -> bool:
    return self._active

  def time_remaining(self) -> float | None:
    return None


def test_who_has_gone_has_no_time_left():
  assert grpc_service._time_left_s(Context(active=True)) is None
  assert grpc_service._time_left_s(Context(active=False)) == 0
