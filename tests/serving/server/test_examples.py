"""Classify, Regress and MultiInference over gRPC, and the first two over REST."""

import json

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, regression_pb2

from serving.server import json_examples
from tests.serving.server import live

CLASSIFY, REGRESS = 'tensorflow/serving/classify', 'tensorflow/serving/regress'
PATH = '/v1/models/examples'
CODES = grpc.StatusCode


def example(**values: float) -> tf.train.Example:
  features = {
    key: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    for key, value in values.items()
  }
  return tf.train.Example(features=tf.train.Features(feature=features))


def examples(*values: float) -> input_pb2.Input:
  listed = input_pb2.ExampleList(examples=[example(x=value) for value in values])
  return input_pb2.Input(example_list=listed)


def fill(request, signature: str = '', name: str = 'examples', **fields):
  request.model_spec.name, request.model_spec.signature_name = name, signature
  request.input.CopyFrom(fields.get('input', examples(1, 2.5)))
  return request


def classify(server: live.Server, *spec: str, **fields):
  request = fill(classification_pb2.ClassificationRequest(), *spec, **fields)
  return server.prediction.Classify(request, 60)


def regress(server: live.Server, *spec: str, **fields):
  return server.prediction.Regress(fill(regression_pb2.RegressionRequest(), *spec, **fields), 60)


def pairs(response) -> list:
  return [[(c.label, c.score) for c in row.classes] for row in response.result.classifications]


@pytest.mark.parametrize(
  ('signature', 'expected'),
  [
    ('', [[('one', 1), ('two', 2)], [('one', 2.5), ('two', 5)]]),
    ('classes', [[('one', 0), ('two', 0)]] * 2),
    ('scores', [[('', 1), ('', 2)], [('', 2.5), ('', 5)]]),
  ],
)
def test_classify(odd_server: live.Server, signature: str, expected: list):
  response = classify(odd_server, signature)
  assert pairs(response) == expected
  assert response.model_spec.name == 'examples'
  assert response.model_spec.version.value == 1
  assert response.model_spec.signature_name == (signature or 'serving_default')


@pytest.mark.parametrize(
  ('signature', 'expected'), [('regress', [2, 3.5]), ('vector', [0.5, 1.25])]
)
def test_regress(odd_server: live.Server, signature: str, expected: list[float]):
  response = regress(odd_server, signature)
  assert [one.value for one in response.result.regressions] == expected
  assert response.model_spec.version.value == 1


def test_context_goes_before_each_example(odd_server: live.Server):
  with_context = input_pb2.Input()
  with_context.example_list_with_context.context.CopyFrom(example(x=7))
  with_context.example_list_with_context.examples.extend([example(), example(x=3)])
  response = regress(odd_server, 'regress', input=with_context)
  assert [one.value for one in response.result.regressions] == [8, 4]


@pytest.mark.parametrize(
  ('method', 'signature', 'text'),
  [
    (classify, 's', 'No signature was found with the name: s'),
    (regress, 's', 'No signature was found with the name: s'),
    (regress, 'serving_default', 'Expected one output Tensor.'),
    (regress, 'other output', 'No regression outputs found in SignatureDef: inputs {'),
    (classify, 'three outputs', 'Expected one or two output Tensors, found 3'),
    (
      classify,
      'no outputs',
      'Expected classification signature outputs to contain at least one of "classes" or'
      ' "scores". Signature was: inputs {',
    ),
    (classify, 'flat scores', 'Expected Tensor shape: [batch_size num_classes] but got [2]'),
    (classify, 'whole scores', 'Expected scores Tensor of DT_FLOAT. Got: DT_INT64'),
    (classify, 'one score', 'Expected scores output batch size of 2. Got: 1'),
    (
      classify,
      'unequal',
      'Tensors class and score should match in dim_size(1). Got 1 vs. 2',
    ),
    (
      regress,
      'wide',
      'Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]',
    ),
    (regress, 'one value', 'Input batch size did not match output batch size: 2 vs. 1'),
    (regress, 'whole', 'Expected output Tensor of DT_FLOAT.  Got: DT_INT64'),
  ],
)
def test_signatures_that_do_not_fit(odd_server: live.Server, method, signature: str, text: str):
  with pytest.raises(grpc.RpcError) as caught:
    method(odd_server, signature)
  assert caught.value.code() is CODES.INVALID_ARGUMENT
  assert caught.value.details().startswith(text)


def test_signatures_without_examples(odd_server: live.Server):
  for method in (classify, regress):
    with pytest.raises(grpc.RpcError, match='inputs found in SignatureDef'):
      method(odd_server, 'half', 'digits')


@pytest.mark.parametrize('empty', [input_pb2.Input(), examples()])
def test_no_examples(odd_server: live.Server, empty: input_pb2.Input):
  for method in (classify, regress):
    with pytest.raises(grpc.RpcError) as caught:
      method(odd_server, '' if method is classify else 'regress', input=empty)
    expected = CODES.INVALID_ARGUMENT, 'Input is empty.'
    assert (caught.value.code(), caught.value.details()) == expected


def test_requests_without_a_model(odd_server: live.Server):
  for call in (
    lambda: odd_server.prediction.Classify(classification_pb2.ClassificationRequest()),
    lambda: odd_server.prediction.Regress(regression_pb2.RegressionRequest()),
  ):
    with pytest.raises(grpc.RpcError, match='Missing ModelSpec'):
      call()
  with pytest.raises(grpc.RpcError, match=r'Latest\(x\)') as caught:
    classify(odd_server, '', 'x')
  assert caught.value.code() is CODES.NOT_FOUND


def multi(*tasks: tuple[str, str, str], **fields) -> inference_pb2.MultiInferenceRequest:
  request = inference_pb2.MultiInferenceRequest(input=fields.get('input', examples(1, 2.5)))
  for name, signature, method in tasks:
    task = request.tasks.add(method_name=method)
    task.model_spec.name, task.model_spec.signature_name = name, signature
  return request


def test_multi_inference(odd_server: live.Server):
  request = multi(('examples', '', CLASSIFY), ('examples', 'regress', REGRESS))
  first, second = odd_server.prediction.MultiInference(request, 60).results
  assert first.model_spec.signature_name == 'serving_default'
  assert first.classification_result.classifications[1].classes[1].score == 5
  assert [one.value for one in second.regression_result.regressions] == [2, 3.5]
  assert second.model_spec.version.value == 1


ONE = 'examples', 'regress', REGRESS


@pytest.mark.parametrize(
  ('tasks', 'code', 'text'),
  [
    ([], 'INVALID_ARGUMENT', 'ModelSpec has no name specified.'),
    ([ONE, ('', '', CLASSIFY)], 'INVALID_ARGUMENT', 'Found ModelSpec with an empty model name.'),
    (
      [ONE, ('digits', '', CLASSIFY)],
      'INVALID_ARGUMENT',
      'All ModelSpecs in a MultiInferenceRequest must access the same model name.',
    ),
    ([ONE, ONE], 'INVALID_ARGUMENT', 'Duplicate evaluation of signature: regress'),
    (
      [('examples', 's', REGRESS)],
      'INVALID_ARGUMENT',
      'Requested signature not found in model graph: s',
    ),
    (
      [('examples', '', 'tensorflow/serving/predict')],
      'UNIMPLEMENTED',
      'Unsupported signature method_name: tensorflow/serving/predict',
    ),
    (
      [ONE, ('examples', 'elsewhere', REGRESS)],
      'INVALID_ARGUMENT',
      'Input tensor must be the same for all Signatures.',
    ),
    ([('x', '', REGRESS)], 'NOT_FOUND', 'Servable not found for request: Latest(x)'),
  ],
)
def test_multi_inference_errors(odd_server: live.Server, tasks, code: str, text: str):
  with pytest.raises(grpc.RpcError) as caught:
    odd_server.prediction.MultiInference(multi(*tasks), 60)
  assert (caught.value.code().name, caught.value.details()) == (code, text)


@pytest.mark.parametrize(
  ('verb', 'body', 'reply'),
  [
    (
      'classify',
      '{"examples": [{"x": 1.0}, {"x": [0.25]}]}',
      '{"results": [[["one", 1.0], ["two", 2.0]], [["one", 0.25], ["two", 0.5]]]}',
    ),
    ('regress', '{"signature_name": "regress", "examples": [{"x": 1.5}]}', '{"results": [2.5]}'),
    (
      'regress',
      '{"signature_name": "regress", "context": {"x": 4.0}, "examples": [{}, {"x": 0.5}]}',
      '{"results": [5.0, 1.5]}',
    ),
    (
      'regress',
      '{"signature_name": "regress", "examples": [{"x": NaN}, {"x": -Infinity}]}',
      '{"results": [NaN, -Infinity]}',
    ),
    (
      'regress',
      '{"signature_name": "regress",'
      ' "examples": [{"a": "text", "b": {"b64": "AA=="}, "c": [true, 3], "d": []}]}',
      '{"results": [1.0]}',
    ),
  ],
)
def test_rest(odd_server: live.Server, verb: str, body: str, reply: str):
  assert odd_server.rest(f'{PATH}:{verb}', body.encode()) == (200, reply.encode())


def test_kinds_of_features():
  values = {'whole': [True, 3, False], 'text': ['a', {'b64': 'AP8='}], 'number': 0.5}
  (one,) = json_examples.input_of({'examples': [values]}).example_list.examples
  features = one.features.feature
  assert features['whole'].int64_list.value == [1, 3, 0]
  assert features['text'].bytes_list.value == [b'a', b'\x00\xff']
  assert features['number'].float_list.value == [0.5]


@pytest.mark.parametrize(
  ('body', 'text'),
  [
    (
      '{}',
      "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
    ),
    (
      '{"examples": 1}',
      'JSON Value: {\n    "examples": 1\n} Expecting \'examples\' value to be an list/array',
    ),
    (
      '{"examples": []}',
      'JSON Value: {\n    "examples": []\n} \'examples\' value is an empty array',
    ),
    ('{"examples": [1]}', 'Example must be JSON object but got JSON Number'),
    ('{"context": [], "examples": [{}]}', 'Example must be JSON object but got JSON Array'),
    (
      '{"examples": [{"x": null}]}',
      'Feature: x has element with unexpected JSON type: Null',
    ),
    (
      '{"examples": [{"x": [[1]]}]}',
      'Feature: x has element with unexpected JSON type: Array',
    ),
    (
      '{"examples": [{"x": {"y": 1}}]}',
      'Feature: x has element with unexpected JSON type: Object',
    ),
    (
      '{"examples": [{"x": [1.0, 1]}]}',
      'Unexpected element type in feature: x expecting type: float',
    ),
    (
      '{"examples": [{"x": ["a", true]}]}',
      'Unexpected element type in feature: x expecting type: bytes',
    ),
    (
      '{"examples": [{"x": [1, "a"]}]}',
      'Unexpected element type in feature: x expecting type: int64',
    ),
    (
      '{"examples": [{"x": 18446744073709551615}]}',
      'Feature: x has uint64 element. Only int64 is supported.',
    ),
    (
      '{"examples": [{"x": 1e39}]}',
      'Cannot convert JSON value: 1e+39 to float without loss of precision.',
    ),
    ('{"examples": [{"x": {"b64": "_"}}]}', 'Unable to base64 decode'),
    ('{"signature_name": "s", "examples": [{}]}', 'No signature was found with the name: s'),
    (
      '{"signature_name": 1, "examples": [{}]}',
      'JSON Value: {\n    "signature_name": 1,\n    "examples": [\n        {}\n    ]\n} not'
      " formatted correctly. 'signature_name' key must be a string value.",
    ),
  ],
)
def test_rest_errors(odd_server: live.Server, body: str, text: str):
  for verb in ('classify', 'regress'):
    status, reply = odd_server.rest(f'{PATH}:{verb}', body.encode())
    assert (status, json.loads(reply)) == (400, {'error': text})


def test_rest_error_of_tensorflow(odd_server: live.Server):
  status, reply = odd_server.rest(f'{PATH}:classify', {'examples': [{'x': 'text'}]})
  assert status == 400
  assert "Data types don't match" in json.loads(reply)['error']
