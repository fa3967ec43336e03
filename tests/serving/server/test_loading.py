import pathlib
import re
import shutil
import subprocess
import sys

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving import warmup
from serving.server import loading, saved_model
from serving.server.errors import ServingError
from serving.server.metrics import Metrics
from serving.server.options import Options, StartError
from tests.serving.server import live

NUMBER = {'number': np.ones([2, 1], np.float32)}


def load(path: pathlib.Path, metrics: Metrics | None = None, **options):
  return loading.Loader(Options(**options), metrics or Metrics()).load('m', 1, path)


def test_xla_is_off(odd_server: live.Server):
  with pytest.raises(grpc.RpcError, match='XLA compilation disabled') as caught:
    odd_server.predict('compiled', **NUMBER)
  assert caught.value.code() is grpc.StatusCode.INTERNAL


@pytest.mark.slow
@pytest.mark.parametrize('allowed', [True, False])
def test_xla_has_a_switch(odd_model: pathlib.Path, allowed: bool):
  program = f"""
import pathlib
import numpy as np
from serving.server import saved_model, xla
xla.allow(allowed=False)
xla.allow(allowed={allowed})
model = saved_model.load('m', 1, pathlib.Path({str(odd_model)!r}))
print(model.run(model.signature('compiled'), {{'number': np.ones([1, 1], np.float32)}}, ['out']))
"""
  done = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, timeout=120, check=False
  )
  assert (done.returncode == 0) == allowed, done.stderr
  assert ('XLA compilation disabled' in done.stderr) == (not allowed)


def test_tags_choose_the_graph(odd_model: pathlib.Path):
  with pytest.raises(ServingError, match='tags'):
    load(odd_model, saved_model_tags='serve,gpu')


def test_folder_that_can_not_be_looked_into_holds_no_model(tmp_path: pathlib.Path):
  # Root may read all, but nobody a name of this length.
  with pytest.raises(ServingError, match='NOT_FOUND: Could not find SavedModel'):
    saved_model.load('m', 1, tmp_path / ('x' * 300))


def test_loads_are_counted(odd_model: pathlib.Path, tmp_path: pathlib.Path):
  metrics = Metrics()
  load(odd_model, metrics).close()
  for _ in range(2):
    with pytest.raises(ServingError):
      load(tmp_path, metrics)
  lines = metrics.text().splitlines()
  prefix = ':tensorflow:cc:saved_model:load'
  assert f'{prefix}_attempt_count{{model_path="{odd_model}",status="success"}} 1' in lines
  assert f'{prefix}_attempt_count{{model_path="{tmp_path}",status="fail"}} 2' in lines
  for path in (odd_model, tmp_path):
    (latency,) = (x for x in lines if x.startswith(f'{prefix}_latency{{model_path="{path}"}} '))
    assert int(latency.rpartition(' ')[2]) > 0


def threads(both: int = 0, intra: int = 0, inter: int = 0) -> tuple[int, int]:
  """Inside and between operations, for the three flags."""
  config = loading._session_config(
    Options(
      tensorflow_session_parallelism=both,
      tensorflow_intra_op_parallelism=intra,
      tensorflow_inter_op_parallelism=inter,
    )
  )
  return config.intra_op_parallelism_threads, config.inter_op_parallelism_threads


def test_threads_of_a_session():
  assert threads() == (0, 0)
  assert threads(both=3) == (3, 3)
  assert threads(both=3, inter=1) == (0, 1)
  assert threads(both=3, intra=2) == (2, 0)
  assert threads(intra=2, inter=1) == (2, 1)


def test_threads_set_twice_are_an_error_of_the_start():
  with pytest.raises(StartError) as caught:
    threads(both=3, intra=2, inter=1)
  assert caught.value.exit_code == 255
  assert str(caught.value) == (
    'Failed to start server. Error: INVALID_ARGUMENT: Either configure'
    ' server_options.tensorflow_session_parallelism or'
    ' (server_options.tensorflow_intra_op_parallelism,'
    ' server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.'
  )


def warm_ups(metrics: Metrics) -> list[str]:
  """Path, status and number of the warm-ups that were timed."""
  return re.findall(r'model_warmup_latency_count\{model_path=(.*)\} (\d+)', metrics.text())


@pytest.mark.parametrize(
  ('options', 'count'),
  [({}, 1), ({'num_request_iterations_for_warmup': 3}, 1), ({'enable_model_warmup': False}, 0)],
)
def test_warm_up_is_timed(saved_model: pathlib.Path, options: dict, count: int):
  metrics = Metrics()
  load(saved_model, metrics, **options).close()
  assert warm_ups(metrics) == [(f'"{saved_model}",status="OK"', '1')] * count


def test_no_warm_up_file_is_not_timed(odd_model: pathlib.Path):
  metrics = Metrics()
  load(odd_model, metrics).close()
  assert warm_ups(metrics) == []


@pytest.fixture
def copy(saved_model: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  return pathlib.Path(shutil.copytree(saved_model, tmp_path / '1'))


def test_failing_record_is_not_timed(copy: pathlib.Path):
  metrics = Metrics()
  with tf.io.TFRecordWriter(str(copy / warmup.WARMUP_FILE)) as writer:
    writer.write(b'no message')
  with pytest.raises(ServingError, match='Failed to parse warmup record'):
    load(copy, metrics)
  assert warm_ups(metrics) == []


def test_damaged_warm_up_file_is_timed_and_fails(copy: pathlib.Path):
  metrics = Metrics()
  (copy / warmup.WARMUP_FILE).write_bytes(b'no records')
  with pytest.raises(ServingError, match=r'record at 0\. Please verify your warmup data'):
    load(copy, metrics)
  assert warm_ups(metrics) == [(f'"{copy}",status="DATA_LOSS: truncated record at 0"', '1')]
