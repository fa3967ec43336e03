import pathlib
import shutil
from collections.abc import Iterator

import pytest
import tensorflow as tf

from serving.server import xla
from tests.serving.server import live


@pytest.fixture(autouse=True)
def _xla_stays_on(monkeypatch: pytest.MonkeyPatch) -> None:
  """The switch is the whole process's: loaders in tests leave it alone."""
  monkeypatch.setattr(xla, 'allow', lambda *, allowed: None)


@pytest.fixture
def healthy_afterwards(request: pytest.FixtureRequest) -> Iterator[None]:
  """Whatever a test sent to a server, it goes on as before."""
  yield
  for name in ('server', 'odd_server', 'tflite_server'):
    if name in request.fixturenames:
      request.getfixturevalue(name).check_health()


def _held(path: tf.Tensor) -> dict[str, tf.Tensor]:
  """Makes a file PATH.begun, and answers as soon as somebody else makes the file PATH."""
  with tf.control_dependencies([tf.io.write_file(path[0] + '.begun', '')]):
    none = tf.identity(0)
  (found,) = tf.while_loop(
    lambda found: found < 1, lambda _: (tf.size(tf.io.matching_files(path[0])),), [none]
  )
  return {'found': tf.repeat(found, tf.size(path))}


@pytest.fixture(scope='session')
def odd_model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A model with what generators do not have: odd types, several outputs, a scalar."""
  path = tmp_path_factory.mktemp('odd_model')
  module = tf.Module()
  text = tf.TensorSpec([None], tf.string, 'text')
  number = tf.TensorSpec([None, 1], tf.float32, 'number')
  half = tf.TensorSpec([None], tf.float16, 'half')
  image = tf.TensorSpec([None, 3, 3, 1], tf.float32, 'image')
  signatures = {
    'serving_default': tf.function(
      lambda number: {'double': 2 * number, 'sum': tf.reduce_sum(tf.reshape(number, [-1]))},
      input_signature=[number],
    ),
    'echo': tf.function(
      lambda text: {'text': text, 'text_bytes': text + b''}, input_signature=[text]
    ),
    'compiled': tf.function(
      lambda number: {'out': number + 1}, input_signature=[number], jit_compile=True
    ),
    'rows': tf.function(
      lambda number: {'first': number[:1], 'all': number}, input_signature=[number]
    ),
    'half': tf.function(lambda half: {'out': half}, input_signature=[half]),
    'convolved': tf.function(
      lambda image: {'out': tf.nn.conv2d(image, tf.ones([3, 3, 1, 1]), 1, 'VALID')},
      input_signature=[image],
    ),
    'held': tf.function(_held, input_signature=[tf.TensorSpec([None], tf.string, 'path')]),
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
def example_model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A model of version 1's kind, whose signatures share the tensor of serialized examples."""
  path = tmp_path_factory.mktemp('example_model') / '1'
  v1, utils = tf.compat.v1, tf.compat.v1.saved_model.utils
  with tf.Graph().as_default(), v1.Session() as session:
    inputs = v1.placeholder(tf.string, [None], 'inputs')
    other = v1.placeholder(tf.string, [None], 'other')
    features = {'x': tf.io.FixedLenFeature([1], tf.float32, [0.0])}
    x = tf.io.parse_example(inputs, features)['x']
    scores = tf.concat([x, 2 * x], axis=1)
    classes = tf.tile([['one', 'two']], [tf.shape(x)[0], 1])
    methods = v1.saved_model.signature_constants

    def signature(source, method, **outputs):
      infos = {key: utils.build_tensor_info(value) for key, value in outputs.items()}
      return v1.saved_model.signature_def_utils.build_signature_def(
        {'inputs': utils.build_tensor_info(source)}, infos, method
      )

    classify, regress = methods.CLASSIFY_METHOD_NAME, methods.REGRESS_METHOD_NAME
    signatures = {
      'serving_default': signature(inputs, classify, classes=classes, scores=scores),
      'classes': signature(inputs, classify, classes=classes),
      'scores': signature(inputs, classify, scores=scores),
      'regress': signature(inputs, regress, outputs=x + 1),
      'vector': signature(inputs, regress, outputs=x[:, 0] / 2),
      'elsewhere': signature(other, regress, outputs=tf.strings.to_number(other)),
      'no outputs': signature(inputs, classify, other=x),
      'three outputs': signature(inputs, classify, a=x, b=x, c=x),
      'flat scores': signature(inputs, classify, scores=x[:, 0]),
      'whole scores': signature(inputs, classify, scores=tf.cast(scores, tf.int64)),
      'one score': signature(inputs, classify, scores=scores[:1]),
      'unequal': signature(inputs, classify, classes=classes[:, :1], scores=scores),
      'wide': signature(inputs, regress, outputs=scores),
      'one value': signature(inputs, regress, outputs=x[:1]),
      'whole': signature(inputs, regress, outputs=tf.cast(x, tf.int64)),
      'other output': signature(inputs, regress, other=x),
      'other method': signature(inputs, 'x', outputs=x),
    }
    builder = v1.saved_model.Builder(str(path))
    builder.add_meta_graph_and_variables(session, ['serve'], signatures)
    builder.save()
  return path.parent


@pytest.fixture(scope='session')
def base_path(saved_model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """Version 1 is a generator."""
  path = tmp_path_factory.mktemp('base')
  shutil.copytree(saved_model, path / '00000001')
  return path


@pytest.fixture(scope='session')
def server(base_path: pathlib.Path) -> Iterator[live.Server]:
  with live.Server(base_path, '--some_future_flag=7') as server:
    yield server


@pytest.fixture(scope='session')
def odd_server(
  odd_model: pathlib.Path,
  example_model: pathlib.Path,
  tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[live.Server]:
  """Serves the odd model, from a configuration file and with the flags that few use."""
  base = tmp_path_factory.mktemp('odd_base')
  shutil.copytree(odd_model, base / '7')
  config = base / 'models.config'
  config.write_text(live.config(digits=base, examples=example_model))
  monitoring = base / 'monitoring.config'
  monitoring.write_text('prometheus_config { enable: true path: "/metrics" }')
  flags = (
    f'--model_config_file={config}',
    f'--monitoring_config_file={monitoring}',
    '--rest_api_enable_cors_support',
    '--enable_grpc_healthcheck_service',
  )
  with live.Server(None, *flags) as server:
    server.config_file = config
    yield server
