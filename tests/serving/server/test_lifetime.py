import contextlib
import http.client
import pathlib
import shutil
import signal
import socket
import threading
import urllib.error

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving import push
from tests.serving.server import live
from tests.serving.server.waiting import wait_until

ONE = {'seed': np.array([1]), 'label': np.array([0])}
QUICK = ('--max_num_load_retries=0', '--load_retry_interval_micros=1000')


def test_ready_line_names_the_addresses(server: live.Server):
  lines = [line for line in server.lines if line.startswith('Serving')]
  assert lines == [
    f'Serving digits version 1 on gRPC 127.0.0.1:{server.grpc_port} and REST'
    f' http://127.0.0.1:{server.rest_port}/v1/models/ (this machine only; --host=0.0.0.0 opens it'
    ' to others)'
  ]
  assert 'unknown flag: --some_future_flag=7 (ignored)' in server.lines


@pytest.mark.slow
def test_versions_come_and_go_under_a_live_server(
  saved_model: pathlib.Path, tmp_path: pathlib.Path
):
  base = tmp_path / 'digits'
  server = live.Server(base, *QUICK)
  try:
    server.wait_for('Waiting')  # there is no folder yet
    with pytest.raises(ConnectionRefusedError):
      socket.create_connection(('127.0.0.1', server.rest_port), 10)
    push.publish(saved_model, tmp_path, 'digits')
    server.wait_for('Serving digits version 1')
    assert server.predict('', **ONE).model_spec.version.value == 1

    push.publish(saved_model, tmp_path, 'digits')
    server.wait_for_states(v2='AVAILABLE', v1='END')
    assert server.predict('', **ONE).model_spec.version.value == 2
    with pytest.raises(grpc.RpcError, match=r'Specific\(digits, 1\)'):
      server.predict('', 1, **ONE)

    shutil.copytree(saved_model, base / 'damaged')
    (base / 'damaged' / 'saved_model.pb').write_bytes(b'\xff' * 9)
    (base / 'damaged').rename(base / '3')
    server.wait_for_states(v3='END', v2='AVAILABLE', v1='END')
    server.wait_for('version 3 could not be loaded')
    assert 'Version 2 goes on.' in server.lines[-1]
    assert server.predict('', **ONE).model_spec.version.value == 2

    base.rename(tmp_path / 'gone')  # in an instant: what is half removed has other versions
    assert server.predict('', **ONE).model_spec.version.value == 2
    assert server.rest('/v1/models/digits')[0] == 200
  finally:
    assert server.stop() == 0
  assert not [line for line in server.lines if 'Traceback' in line]


@pytest.mark.slow
def test_first_version_that_fails_ends_with_255(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  shutil.copytree(saved_model, tmp_path / '1')
  (tmp_path / '1' / 'assets.extra' / 'tf_serving_warmup_requests').write_bytes(b'no records')
  server = live.Server(tmp_path, *QUICK)
  line = server.wait_for('Failed to start server. Error: ')
  assert '1 servable(s) did not become available: {{{name: digits version: 1} due to' in line
  assert server.exit_code() == 255
  server.channel.close()
  assert not [line for line in server.lines if 'Traceback' in line]


@pytest.mark.slow
def test_sigint_ends_a_server_that_waits(tmp_path: pathlib.Path):
  server = live.Server(tmp_path)
  server.wait_for('Waiting')
  server.signal(signal.SIGINT)
  assert server.exit_code() == 0
  server.channel.close()


@pytest.mark.slow
def test_running_requests_end_well_after_sigterm(odd_model: pathlib.Path, tmp_path: pathlib.Path):
  shutil.copytree(odd_model, tmp_path / '1')
  with live.Server(tmp_path) as server:
    paths, answers = [tmp_path / name for name in ('grpc', 'rest')], {}

    def ask_grpc() -> None:
      answers['grpc'] = server.predict('held', path=np.array([str(paths[0])], object))

    def ask_rest() -> None:
      answers['rest'] = server.post({'signature_name': 'held', 'inputs': [str(paths[1])]})

    threads = [threading.Thread(target=ask) for ask in (ask_grpc, ask_rest)]
    for thread in threads:
      thread.start()
    for path in paths:
      wait_until(path.with_name(f'{path.name}.begun').exists, path)
    assert not answers
    server.signal(signal.SIGTERM)
    server.wait_for('Stopping')
    for path in paths:
      path.touch()
    for thread in threads:
      thread.join(60)
    assert answers['grpc'].outputs['found'].int_val == [1]
    assert answers['rest'] == {'outputs': [1]}
    assert server.exit_code() == 0
    with pytest.raises(urllib.error.URLError):
      server.rest('/v1/models/digits')


def save_endless_model(path: pathlib.Path) -> None:
  """One operation that takes as long as one likes, and that nothing can interrupt."""

  @tf.function(input_signature=[tf.TensorSpec([], tf.int32, 'length')])
  def compare(length: tf.Tensor) -> dict[str, tf.Tensor]:
    first, second = (tf.sparse.from_dense(tf.fill([1, length], value)) for value in (1, 2))
    return {'out': tf.edit_distance(first, second)}

  module = tf.Module()
  module.compare = compare
  tf.saved_model.save(module, str(path), {'serving_default': compare.get_concrete_function()})


@pytest.mark.slow
def test_requests_that_do_not_end_are_given_up_after_the_grace(tmp_path: pathlib.Path):
  save_endless_model(tmp_path / '1')
  server = live.Server(tmp_path, '--rest_api_timeout_in_ms=0')
  length = 2_000_000

  def ask_rest() -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
      server.rest('/v1/models/digits:predict', {'inputs': length})

  try:
    server.wait_for('Serving')
    request = live.predict_request('', length=np.array(length, np.int32))
    over_grpc = server.prediction.Predict.future(request)
    over_rest = threading.Thread(target=ask_rest)
    over_rest.start()
    over_rest.join(1)  # under way, not done
    assert over_rest.is_alive()
    server.signal(signal.SIGTERM)
    assert server.exit_code() == 0
    assert over_grpc.exception(60) is not None
    over_rest.join(60)
    assert not over_rest.is_alive()
  finally:
    server.signal(signal.SIGKILL)
    server.stop()
