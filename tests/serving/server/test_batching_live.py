"""Batching in a server process: concurrent clients of both protocols, one file of parameters."""

import concurrent.futures
import pathlib
import re
import shutil
import signal
from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest
import tensorflow as tf

from tests.serving.server import live
from tests.serving.server.waiting import wait_until

pytestmark = pytest.mark.slow

PARAMETERS = """
max_batch_size { value: 8 } batch_timeout_micros { value: 500000 }
max_enqueued_batches { value: 3 } num_batch_threads { value: 1 }
allowed_batch_sizes: 2 allowed_batch_sizes: 4 allowed_batch_sizes: 8
"""
NUM_CLIENTS = 24  # as many as may wait in all


@pytest.fixture(scope='module')
def start(saved_model: pathlib.Path, odd_model: pathlib.Path, tmp_path_factory) -> Iterator:
  """Starts servers of both models that batch."""
  path = tmp_path_factory.mktemp('batching')
  for name, model in (('digits', saved_model), ('odd', odd_model)):
    shutil.copytree(model, path / name / '1')
  files = {
    'model_config_file': live.config(digits=path / 'digits', odd=path / 'odd'),
    'batching_parameters_file': PARAMETERS,
    'monitoring_config_file': 'prometheus_config { enable: true path: "/metrics" }',
  }
  for name, text in files.items():
    (path / name).write_text(text)
  servers: list[live.Server] = []

  def start() -> live.Server:
    flags = [f'--{name}={path / name}' for name in files]
    servers.append(live.Server(None, '--enable_batching', '--grpc_max_threads=32', *flags))
    servers[-1].wait_for('Serving')
    return servers[-1]

  yield start
  for server in servers:
    server.stop()


@pytest.fixture(scope='module')
def batching(start: Callable[[], live.Server]) -> live.Server:
  return start()


@pytest.fixture
def pool() -> Iterator[concurrent.futures.Executor]:
  with concurrent.futures.ThreadPoolExecutor(NUM_CLIENTS) as pool:
    yield pool


def held(server: live.Server, go: pathlib.Path):
  """A whole batch, which keeps the only thread busy until there is a file, or waits for it."""
  request = live.predict_request('held', path=np.array([str(go)] * 8, object))
  request.model_spec.name = 'odd'
  return server.prediction.Predict.future(request, 120)


def metric(server: live.Server, name: str) -> dict[str, float]:
  """The values of a metric by their labels."""
  text = server.rest('/metrics')[1].decode()
  name = f':tensorflow:serving:batching_session:{name}'
  return {k: float(v) for k, v in re.findall(rf'^{name}\{{(.*)\}} (.+)$', text, re.MULTILINE)}


def inputs_of(client: int) -> dict[str, np.ndarray]:
  latent = np.random.default_rng(client).standard_normal([1, 8]).astype(np.float32)
  return {'latent': latent, 'label': np.array([client % 3])}


def images(server: live.Server, client: int) -> np.ndarray:
  """What one of many clients gets: every other one uses REST."""
  inputs = inputs_of(client)
  if client % 2:
    body = {'signature_name': 'from_latent', 'inputs': {k: v.tolist() for k, v in inputs.items()}}
    return np.array(server.post(body)['outputs'], np.float32)
  return tf.make_ndarray(server.predict('from_latent', **inputs).outputs['images'])


def test_batches_form_and_answers_are_those_without_them(
  batching: live.Server, saved_model: pathlib.Path, pool: concurrent.futures.Executor
):
  names = ('wrapped_run_count', 'queuing_latency_count', 'input_batch_size_sum')
  before = [sum(metric(batching, name).values()) for name in names]
  answers = list(pool.map(lambda client: images(batching, client), range(NUM_CLIENTS)))
  runs, waits, rows = (
    sum(metric(batching, name).values()) - start for name, start in zip(names, before, strict=True)
  )
  assert NUM_CLIENTS / 8 <= runs < NUM_CLIENTS
  assert waits == NUM_CLIENTS
  assert rows == 2 * NUM_CLIENTS  # each of two inputs
  sizes = metric(batching, 'padding_size_count')
  assert set(sizes) <= {f'execution_batch_size="{size}"' for size in (2, 4, 8)}
  alone = tf.saved_model.load(str(saved_model)).signatures['from_latent']
  for client, answer in enumerate(answers):
    expected = alone(**{k: tf.constant(v) for k, v in inputs_of(client).items()})['images']
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-6)


WRONG = [
  ({'latent': np.zeros([9, 8], np.float32), 'label': np.zeros([9], np.int64)}, 'larger than max'),
  ({'latent': np.zeros([2, 8], np.float32), 'label': np.zeros([1], np.int64)}, 'equal 0th-dim'),
  ({'latent': np.float32(0), 'label': np.int64(0)}, 'at least one dimension'),
  ({'latent': np.zeros([1, 8], np.int64), 'label': np.zeros([1], np.int64)}, 'expect float'),
]


def test_wrong_requests_fail_alone(batching: live.Server, pool: concurrent.futures.Executor):
  right = [pool.submit(images, batching, client) for client in range(16)]
  wrong = [pool.submit(batching.predict, 'from_latent', **inputs) for inputs, _ in WRONG]
  for call, (_, text) in zip(wrong, WRONG, strict=True):
    with pytest.raises(grpc.RpcError, match=text) as caught:
      call.result(120)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
  assert {call.result(120).shape for call in right} == {(1, 8, 8, 1)}


def wait_until_busy(server: live.Server, go: pathlib.Path) -> grpc.Future:
  """A call that is being computed: the next ones wait."""
  call = held(server, go)
  wait_until(go.with_name(f'{go.name}.begun').exists, go)
  return call


def test_full_queue_is_unavailable_for_both_protocols(
  batching: live.Server, pool: concurrent.futures.Executor, tmp_path: pathlib.Path
):
  go = tmp_path / 'go'
  body = {'signature_name': 'held', 'inputs': [str(go)] * 8}
  first = wait_until_busy(batching, go)
  by_grpc = [held(batching, go) for _ in range(4)]
  by_rest = [pool.submit(batching.rest, '/v1/models/odd:predict', body) for _ in range(4)]
  wait_until(lambda: sum(call.done() for call in (*by_grpc, *by_rest)) >= 5)
  go.touch()
  codes = [call.code() for call in by_grpc]
  statuses = [call.result(120)[0] for call in by_rest]
  assert first.code() is grpc.StatusCode.OK
  assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
  assert set(statuses) <= {200, 503}
  assert codes.count(grpc.StatusCode.OK) + statuses.count(200) == 3
  for call in by_grpc:
    if call.code() is grpc.StatusCode.UNAVAILABLE:
      assert 'queue to which this task was submitted is full' in call.details()


def test_sigterm_computes_what_waits(
  start: Callable[[], live.Server], pool: concurrent.futures.Executor, tmp_path: pathlib.Path
):
  server, go = start(), tmp_path / 'go'

  def num_inputs() -> float:
    return sum(metric(server, 'input_batch_size_count').values())

  before = num_inputs()
  calls = [wait_until_busy(server, go), held(server, go)]
  answer = pool.submit(images, server, 1)
  wait_until(lambda: num_inputs() == before + 4)  # the last one has two
  assert not answer.done()
  server.signal(signal.SIGTERM)
  server.wait_for('Stopping')
  go.touch()
  assert [call.code() for call in calls] == [grpc.StatusCode.OK] * 2
  assert answer.result(120).shape == (1, 8, 8, 1)
  assert server.exit_code() == 0
