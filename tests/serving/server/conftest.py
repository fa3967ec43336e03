import pathlib
import shutil
from collections.abc import Iterator

import pytest
import tensorflow as tf

from tests.serving.server import live


@pytest.fixture(scope='session')
def odd_model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A model with what generators do not have: odd types, several outputs, a scalar."""
  path = tmp_path_factory.mktemp('odd_model')
  module = tf.Module()
  text = tf.TensorSpec([None], tf.string, 'text')
  number = tf.TensorSpec([None, 1], tf.float32, 'number')
  steps = tf.TensorSpec([], tf.int32, 'steps')
  half = tf.TensorSpec([None], tf.float16, 'half')
  signatures = {
    'serving_default': tf.function(
      lambda number: {'double': 2 * number, 'sum': tf.reduce_sum(tf.reshape(number, [-1]))},
      input_signature=[number],
    ),
    'echo': tf.function(
      lambda text: {'text': text, 'text_bytes': text + b''}, input_signature=[text]
    ),
    'rows': tf.function(
      lambda number: {'first': number[:1], 'all': number}, input_signature=[number]
    ),
    'half': tf.function(lambda half: {'out': half}, input_signature=[half]),
    'slow': tf.function(
      lambda steps: {'out': tf.while_loop(lambda i: i < steps, lambda i: (i + 1,), [0])[0]},
      input_signature=[steps],
    ),
    'to_half': tf.function(
      lambda number: {'out': tf.cast(number, tf.float16)}, input_signature=[number]
    ),
  }
  module.functions = list(signatures.values())
  tf.saved_model.save(
    module, str(path), {key: f.get_concrete_function() for key, f in signatures.items()}
  )
  return path


@pytest.fixture(scope='session')
def base_path(saved_model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """Version 1 is a generator."""
  path = tmp_path_factory.mktemp('base')
  shutil.copytree(saved_model, path / '00000001')
  return path


@pytest.fixture(scope='session')
def server(base_path: pathlib.Path) -> Iterator[live.Server]:
  server = live.Server(base_path, '--some_future_flag=7')
  try:
    server.wait_for('Serving digits')
    yield server
  finally:
    server.stop()


@pytest.fixture(scope='session')
def odd_server(
  odd_model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[live.Server]:
  """Serves the odd model, from a configuration file and with the flags that few use."""
  base = tmp_path_factory.mktemp('odd_base')
  shutil.copytree(odd_model, base / '7')
  config = base / 'models.config'
  config.write_text(live.config(digits=base))
  server = live.Server(None, f'--model_config_file={config}')
  server.config_file = config
  try:
    server.wait_for('Serving digits')
    yield server
  finally:
    server.stop()
