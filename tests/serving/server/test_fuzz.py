"""Thousands of requests of every kind that nobody would send: the server answers and lives on."""

import pathlib
import shutil
from collections.abc import Iterator

import grpc
import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import (
  classification_pb2,
  get_model_metadata_pb2,
  get_model_status_pb2,
  inference_pb2,
  input_pb2,
  model_management_pb2,
  predict_pb2,
  regression_pb2,
)

from serving.server import tflite_model
from tests.serving.server import live
from tests.serving.server.test_grpc_service import CALLS, tensors

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('healthy_afterwards')]

FUZZ = hypothesis.settings(
  deadline=None,
  derandomize=True,
  database=None,
  suppress_health_check=list(hypothesis.HealthCheck),
)
MANY = hypothesis.settings(FUZZ, max_examples=1000)
FEW = hypothesis.settings(FUZZ, max_examples=300)
CODES = grpc.StatusCode
CLIENTS_MISTAKES = {CODES.INVALID_ARGUMENT, CODES.NOT_FOUND, CODES.FAILED_PRECONDITION}
ODD = {
  'serving_default': ['number'],
  'echo': ['text'],
  'rows': ['number'],
  'half': ['half'],
  'convolved': ['image'],
  'to_half': ['number'],
}


def check(server: live.Server, method, request, *more: grpc.StatusCode) -> None:
  code = method.future(request, 120).code()
  assert code in {CODES.OK, *CLIENTS_MISTAKES, *more}, request


@st.composite
def predict_requests(draw: st.DrawFn, signatures: dict) -> predict_pb2.PredictRequest:
  name = draw(st.sampled_from(list(signatures)))
  request = live.predict_request(name)
  for key in signatures[name]:
    request.inputs[key].CopyFrom(draw(tensors()))
  request.output_filter.extend(draw(st.lists(st.sampled_from(['sum', 'x', '']), max_size=1)))
  return request


@hypothesis.given(request_=predict_requests(CALLS))
@MANY
def test_predict_of_a_generator(server: live.Server, request_: predict_pb2.PredictRequest):
  check(server, server.prediction.Predict, request_)


@hypothesis.given(request_=predict_requests(ODD))
@MANY
def test_predict_of_odd_signatures(odd_server: live.Server, request_: predict_pb2.PredictRequest):
  check(odd_server, odd_server.prediction.Predict, request_)


@pytest.fixture(scope='module')
def tflite_server(odd_model: pathlib.Path, tmp_path_factory) -> Iterator[live.Server]:
  path = tmp_path_factory.mktemp('tflite_base')
  shutil.copytree(odd_model, path / '1')
  converter = tf.lite.TFLiteConverter.from_saved_model(
    str(odd_model), signature_keys=['serving_default', 'rows', 'convolved']
  )
  (path / '1' / tflite_model.FILE).write_bytes(converter.convert())
  with live.Server(path, '--prefer_tflite_model') as server:
    yield server


@hypothesis.given(request_=predict_requests({key: ODD[key] for key in ('rows', 'serving_default')}))
@MANY
def test_predict_of_tflite_models(tflite_server: live.Server, request_: predict_pb2.PredictRequest):
  check(tflite_server, tflite_server.prediction.Predict, request_)


@hypothesis.given(st.lists(st.integers(0, 9), max_size=6))
@FEW
def test_shapes_of_tflite_models(tflite_server: live.Server, shape: list[int]):
  for signature, key in (('convolved', 'image'), ('rows', 'number'), ('', 'number')):
    request = live.predict_request(signature, **{key: np.ones(shape, np.float32)})
    check(tflite_server, tflite_server.prediction.Predict, request)


@st.composite
def inputs(draw: st.DrawFn) -> input_pb2.Input:
  message = input_pb2.Input()
  kind = draw(st.sampled_from(['example_list', 'example_list_with_context']))
  if kind == 'example_list_with_context':
    message.example_list_with_context.context.CopyFrom(draw(examples()))
  getattr(message, kind).examples.extend(draw(st.lists(examples(), max_size=4)))
  return message


@st.composite
def examples(draw: st.DrawFn) -> example_pb2.Example:
  example = example_pb2.Example()
  for name in draw(st.lists(st.sampled_from(['x', '', 'y', 'ä']), max_size=3)):
    feature = example.features.feature[name]
    kind = draw(st.sampled_from(['none', 'float', 'int64', 'bytes']))
    if kind == 'float':
      feature.float_list.value.extend(draw(st.lists(st.floats(width=32), max_size=3)))
    elif kind == 'int64':
      numbers = st.integers(-(2**63), 2**63 - 1)
      feature.int64_list.value.extend(draw(st.lists(numbers, max_size=3)))
    elif kind == 'bytes':
      feature.bytes_list.value.extend(draw(st.lists(st.binary(max_size=5), max_size=3)))
  return example


SIGNATURES = st.sampled_from(
  ['', 'classes', 'scores', 'regress', 'vector', 'elsewhere', 'wide', 'whole', 'one value', 'none']
)
METHODS = st.sampled_from(['tensorflow/serving/classify', 'tensorflow/serving/regress', 'x', ''])


@hypothesis.given(SIGNATURES, inputs(), st.sampled_from(['Classify', 'Regress']))
@MANY
def test_classify_and_regress(
  odd_server: live.Server, signature: str, input_: input_pb2.Input, api: str
):
  kinds = {
    'Classify': classification_pb2.ClassificationRequest,
    'Regress': regression_pb2.RegressionRequest,
  }
  request = kinds[api](input=input_)
  request.model_spec.name, request.model_spec.signature_name = 'examples', signature
  check(odd_server, getattr(odd_server.prediction, api), request)


@hypothesis.given(st.lists(st.tuples(SIGNATURES, METHODS), max_size=3), inputs())
@MANY
def test_multi_inference(odd_server: live.Server, tasks: list, input_: input_pb2.Input):
  request = inference_pb2.MultiInferenceRequest(input=input_)
  for signature, method in tasks:
    task = request.tasks.add(method_name=method)
    task.model_spec.name, task.model_spec.signature_name = 'examples', signature
  check(odd_server, odd_server.prediction.MultiInference, request, CODES.UNIMPLEMENTED)


NAMES = st.sampled_from(['digits', '', 'm', '../digits', 'a/b', 'x' * 5000, 'ä\x00'])
VERSIONS = st.sampled_from([None, 0, -1, 7, 2**63 - 1])


@hypothesis.given(NAMES, VERSIONS, st.text(max_size=5), st.lists(st.text(max_size=5), max_size=2))
@FEW
def test_metadata_and_status(
  odd_server: live.Server, name: str, version: int | None, label: str, fields: list[str]
):
  metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
  status = get_model_status_pb2.GetModelStatusRequest()
  for spec in (metadata.model_spec, status.model_spec):
    spec.name = name
    if version is None:
      spec.version_label = label
    else:
      spec.version.value = version
  check(odd_server, odd_server.prediction.GetModelMetadata, metadata)
  check(odd_server, odd_server.model.GetModelStatus, status)


PATHS = st.sampled_from(['', '.', '../..', 'a/b', 'gs://x', 'x' * 5000, 'a\x00'])


@hypothesis.given(
  st.lists(st.tuples(NAMES, PATHS, st.sampled_from(['tensorflow', '', 'x'])), max_size=3),
  st.booleans(),
)
@FEW
def test_configurations_that_can_not_be(odd_server: live.Server, models: list, empty: bool):
  """None of these has an absolute path: what is served stays as it is."""
  request = model_management_pb2.ReloadConfigRequest()
  if not empty:
    models = models or [('m', 'relative', 'tensorflow')]
    request.config.model_config_list.SetInParent()
  for name, path, platform in models:
    request.config.model_config_list.config.add(name=name, base_path=path, model_platform=platform)
  code = odd_server.model.HandleReloadConfigRequest.future(request, 60).code()
  assert code is CODES.INVALID_ARGUMENT
  assert odd_server.states() == {7: 'AVAILABLE'}
