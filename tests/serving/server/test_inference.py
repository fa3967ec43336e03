"""What flags change in the answers, without a process."""

import contextlib
import json
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
  classification_pb2,
  get_model_status_pb2,
  inference_pb2,
  model_pb2,
  predict_pb2,
  prediction_log_pb2,
  regression_pb2,
)
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving import warmup
from serving.server import inference, loading, model_set, rest_api, saved_model, warm_up
from serving.server.errors import Code, ServingError
from serving.server.metrics import Metrics
from serving.server.models import Models
from serving.server.options import Options
from tests.serving.server.test_examples import CLASSIFY, REGRESS, examples, fill, multi

Start = Callable[..., inference.Inference]


@pytest.fixture
def start() -> Iterator[Start]:
  """Serves folders by name: `start(options, name=folder)`."""
  with contextlib.ExitStack() as stack:

    def start(options: Options, **base_paths: pathlib.Path) -> inference.Inference:
      answers = inference.Inference(Models(), Metrics(), options)
      loader = loading.Loader(options, answers.metrics)
      served = model_set.ModelSet(answers.models, loader.make, labels_before_versions=False)
      stack.callback(served.stop, 0)
      config = ModelServerConfig()
      for name, path in base_paths.items():
        config.model_config_list.config.add(
          name=name, base_path=str(path), model_platform='tensorflow'
        )
      model_set.wait_until_available(served.apply(config), 'model', lambda: True)
      return answers

    yield start


def predict_request(latents: np.ndarray) -> predict_pb2.PredictRequest:
  request = predict_pb2.PredictRequest()
  request.model_spec.name, request.model_spec.signature_name = 'digits', 'from_latent'
  request.inputs['latent'].CopyFrom(tf.make_tensor_proto(latents))
  request.inputs['label'].CopyFrom(tf.make_tensor_proto(np.zeros(len(latents), np.int64)))
  return request


def test_outputs_as_tensor_content(start: Start, base_path: pathlib.Path):
  request = predict_request(np.ones([2, 8], np.float32))
  fields = start(Options(), digits=base_path).predict(request).outputs['images']
  options = Options(enable_serialization_as_tensor_content=True)
  answers = start(options, digits=base_path)
  content = answers.predict(request).outputs['images']
  assert content.tensor_content
  assert not content.float_val
  np.testing.assert_array_equal(tf.make_ndarray(content), tf.make_ndarray(fields))
  request.inputs['seed'].CopyFrom(tf.make_tensor_proto(np.array([1, 2])))
  del request.inputs['latent']
  request.model_spec.signature_name = ''
  assert len(answers.predict(request).outputs['image_bytes'].string_val) == 2


def test_method_names_are_looked_at_if_asked_for(start: Start, example_model: pathlib.Path):
  answers = start(Options(enable_signature_method_name_check=True), examples=example_model)
  for method, request, signature, expected in [
    (answers.classify, classification_pb2.ClassificationRequest(), 'vector', CLASSIFY),
    (answers.regress, regression_pb2.RegressionRequest(), 'scores', REGRESS),
  ]:
    with pytest.raises(ServingError, match=f'method_name to be {expected}. Was: tensorflow/serv'):
      method(fill(request, signature))
  assert answers.classify(fill(classification_pb2.ClassificationRequest(), 'scores'))
  task = 'examples', 'vector', CLASSIFY
  with pytest.raises(ServingError, match=f'method_name to be {CLASSIFY}'):
    answers.multi_inference(multi(task))


def predict_over_grpc(answers: inference.Inference, signature: str) -> None:
  request = predict_pb2.PredictRequest()
  request.model_spec.name, request.model_spec.signature_name = 'examples', signature
  request.inputs['inputs'].CopyFrom(tf.make_tensor_proto([b'']))
  answers.predict(request)


def predict_over_rest(answers: inference.Inference, signature: str) -> None:
  work = rest_api.RestApi(answers).work('POST', '/v1/models/examples:predict')
  body = {'signature_name': signature, 'inputs': ['']}
  work(json.dumps(body).encode(), inference.no_limit)


@pytest.mark.parametrize('ask', [predict_over_grpc, predict_over_rest])
def test_predict_looks_at_method_names_too(start: Start, example_model: pathlib.Path, ask):
  ask(start(Options(), examples=example_model), 'other method')
  answers = start(Options(enable_signature_method_name_check=True), examples=example_model)
  ask(answers, 'serving_default')
  ask(answers, 'regress')
  with pytest.raises(ServingError) as caught:
    ask(answers, 'other method')
  assert (caught.value.code, caught.value.message) == (
    Code.INTERNAL,
    'Expected prediction signature method_name to be one of {tensorflow/serving/predict,'
    ' tensorflow/serving/classify, tensorflow/serving/regress}. Was: x',
  )


def test_batched_requests_have_deadlines(start: Start, base_path: pathlib.Path):
  answers = start(Options(enable_batching=True), digits=base_path)
  request = predict_request(np.ones([1, 8], np.float32))
  assert answers.predict(request, lambda: 60.0).model_spec.version.value == 1
  with pytest.raises(ServingError) as caught:
    answers.predict(request, lambda: -1.0)
  assert caught.value.code is Code.RESOURCE_EXHAUSTED


def test_inputs_with_defaults_may_be_left_out(start: Start, tmp_path: pathlib.Path):
  v1 = tf.compat.v1
  with tf.Graph().as_default(), v1.Session() as session:
    x = v1.placeholder(tf.float32, [None], 'x')
    y = v1.placeholder(tf.float32, [None], 'y')
    build = v1.saved_model.utils.build_tensor_info
    signature = v1.saved_model.signature_def_utils.build_signature_def(
      {'x': build(x), 'y': build(y)}, {'sum': build(x + y)}, 'tensorflow/serving/predict'
    )
    signature.defaults['y'].CopyFrom(tf.make_tensor_proto([10.0]))
    builder = v1.saved_model.Builder(str(tmp_path / '1'))
    builder.add_meta_graph_and_variables(session, ['serve'], {'serving_default': signature})
    builder.save()
  answers = start(Options(), digits=tmp_path)
  request = predict_pb2.PredictRequest(model_spec=model_pb2.ModelSpec(name='digits'))
  request.inputs['x'].CopyFrom(tf.make_tensor_proto([1.0]))
  assert tf.make_ndarray(answers.predict(request).outputs['sum']) == [11]
  request.inputs['y'].CopyFrom(tf.make_tensor_proto([5.0]))
  assert tf.make_ndarray(answers.predict(request).outputs['sum']) == [6]
  del request.inputs['x']
  with pytest.raises(ServingError, match=r'Missing but required: \{x\}'):
    answers.predict(request)


def test_warm_up_knows_every_kind_of_record(example_model: pathlib.Path, tmp_path: pathlib.Path):
  logs = prediction_log_pb2
  classify = fill(classification_pb2.ClassificationRequest())
  regress = fill(regression_pb2.RegressionRequest(), 'regress')
  several = multi(('examples', '', CLASSIFY), ('examples', 'regress', REGRESS))
  regress.model_spec.version.value = 99  # not looked at
  records = [
    logs.PredictionLog(classify_log=logs.ClassifyLog(request=classify)),
    logs.PredictionLog(regress_log=logs.RegressLog(request=regress)),
    logs.PredictionLog(multi_inference_log=logs.MultiInferenceLog(request=several)),
  ]
  path = tmp_path / warmup.WARMUP_FILE
  path.parent.mkdir()
  loaded = saved_model.load('examples', 1, example_model / '1')
  for record in records:
    with tf.io.TFRecordWriter(str(path)) as writer:
      writer.write(record.SerializeToString())
    assert warm_up.warm_up(loaded, tmp_path) == 1
    getattr(record, record.WhichOneof('log_type')).request.input.CopyFrom(examples())  # none
    with tf.io.TFRecordWriter(str(path)) as writer:
      writer.write(record.SerializeToString())
    with pytest.raises(ServingError, match='Input is empty'):
      warm_up.warm_up(loaded, tmp_path)
  loaded.close()


def test_warm_up_repeats_each_record(saved_model_copy, monkeypatch: pytest.MonkeyPatch):
  loaded = saved_model.load('m', 1, saved_model_copy)
  runs = []
  run = loaded.run
  monkeypatch.setattr(loaded, 'run', lambda *a: runs.append(1) or run(*a))
  assert warm_up.warm_up(loaded, saved_model_copy, 3) == 6
  assert len(runs) == 18
  loaded.close()


@pytest.fixture
def saved_model_copy(base_path: pathlib.Path) -> pathlib.Path:
  return base_path / '00000001'


def damage(path: pathlib.Path, kind: str) -> None:
  """What happens to folders under a live server."""
  if kind == 'deleted':
    shutil.rmtree(path)
  elif kind == 'emptied':
    for child in path.iterdir():
      shutil.rmtree(child) if child.is_dir() else child.unlink()
  else:
    for child in path.rglob('*'):
      if child.is_file():
        child.write_bytes(b'\xff' * 9)


@pytest.mark.parametrize('kind', ['deleted', 'emptied', 'corrupted'])
def test_loaded_version_answers_whatever_happens_to_its_files(
  start: Start, saved_model_copy: pathlib.Path, tmp_path: pathlib.Path, kind: str
):
  shutil.copytree(saved_model_copy, tmp_path / 'base' / '1')
  answers = start(Options(file_system_poll_wait_seconds=0), digits=tmp_path / 'base')
  request = predict_request(np.ones([1, 8], np.float32))
  expected = answers.predict(request)
  damage(tmp_path / 'base' / '1', kind)
  assert answers.predict(request) == expected


def tried(answers: inference.Inference, request) -> bool:
  """Whether a version has failed to load."""
  try:
    (status,) = answers.models.status(request).model_version_status
  except ServingError:
    return False
  return status.status.error_code != 0


def test_half_copied_version_waits_for_the_rest(
  start: Start, saved_model_copy: pathlib.Path, tmp_path: pathlib.Path
):
  shutil.copytree(saved_model_copy, tmp_path / '1')
  options = Options(load_retry_interval_micros=10_000, max_num_load_retries=10_000)
  answers = start(options, digits=tmp_path)
  half = tmp_path / '2'
  half.mkdir()
  shutil.copyfile(saved_model_copy / 'saved_model.pb', half / 'saved_model.pb')
  request = predict_request(np.ones([1, 8], np.float32))
  status = get_model_status_pb2.GetModelStatusRequest(model_spec=request.model_spec)
  status.model_spec.version.value = 2
  end_s = time.monotonic() + 60
  while not tried(answers, status):
    assert answers.predict(request).model_spec.version.value == 1
    assert time.monotonic() < end_s
    time.sleep(0.1)
  shutil.copytree(saved_model_copy, half, dirs_exist_ok=True)
  end_s = time.monotonic() + 60
  while answers.predict(request).model_spec.version.value != 2:
    assert time.monotonic() < end_s
    time.sleep(0.1)


def test_no_tasks_is_no_model(start: Start, example_model: pathlib.Path):
  answers = start(Options(), examples=example_model)
  with pytest.raises(ServingError, match='no name specified'):
    answers.multi_inference(inference_pb2.MultiInferenceRequest())
