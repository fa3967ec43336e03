import pathlib

import grpc
import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  predict_pb2,
  session_service_pb2,
)

from tests.serving.server import live

SEEDS, LABELS = np.array([3, 1, 2**40]), np.array([0, 2, 1])
LATENTS = np.random.default_rng(0).standard_normal([3, 8]).astype(np.float32)
IMAGES = np.random.default_rng(1).random([3, 8, 8, 1]).astype(np.float32)
CALLS = {
  'serving_default': {'seed': SEEDS, 'label': LABELS},
  'from_latent': {'latent': LATENTS, 'label': LABELS},
  'score': {'images': IMAGES, 'label': LABELS},
}
CODES = grpc.StatusCode


@pytest.fixture(scope='module')
def signatures(saved_model: pathlib.Path):
  return tf.saved_model.load(str(saved_model)).signatures


def error_of(call) -> tuple[grpc.StatusCode, str]:
  with pytest.raises(grpc.RpcError) as caught:
    call()
  return caught.value.code(), caught.value.details()


@pytest.mark.parametrize('name', CALLS)
def test_predict_is_what_the_saved_model_computes(server: live.Server, signatures, name: str):
  inputs = CALLS[name]
  expected = signatures[name](**{k: tf.constant(v) for k, v in inputs.items()})
  response = server.predict(name, **inputs)
  assert response.model_spec.name == 'digits'
  assert response.model_spec.version.value == 1
  assert response.model_spec.signature_name == name
  assert set(response.outputs) == set(expected)
  for key, value in expected.items():
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs[key]), value.numpy())
    assert not response.outputs[key].tensor_content


def test_png_is_the_saved_models_picture(server: live.Server, signatures):
  response = server.predict('', **CALLS['serving_default'])
  assert response.model_spec.signature_name == 'serving_default'
  pngs = response.outputs['image_bytes'].string_val
  images = signatures['from_latent'](latent=_latents(SEEDS), label=tf.constant(LABELS))['images']
  for png, image in zip(pngs, images, strict=True):
    np.testing.assert_array_equal(tf.io.decode_png(png), np.round(image * 255))


def _latents(seeds: np.ndarray) -> tf.Tensor:
  from pipeline.latents import latents_from_seeds

  return latents_from_seeds(tf.constant(seeds), 8)


def test_both_forms_of_values_are_read(server: live.Server):
  content = live.predict_request('from_latent', **CALLS['from_latent'])
  assert content.inputs['latent'].tensor_content
  fields = live.predict_request('from_latent', label=LABELS)
  fields.inputs['latent'].dtype = tf.float32.as_datatype_enum
  fields.inputs['latent'].tensor_shape.CopyFrom(content.inputs['latent'].tensor_shape)
  fields.inputs['latent'].float_val.extend(LATENTS.ravel().tolist())
  assert server.prediction.Predict(content) == server.prediction.Predict(fields)


def test_output_filter_chooses(odd_server: live.Server):
  request = live.predict_request('', number=np.ones([2, 1], np.float32))
  assert set(odd_server.prediction.Predict(request).outputs) == {'double', 'sum'}
  request.output_filter.append('sum')
  assert set(odd_server.prediction.Predict(request).outputs) == {'sum'}


def test_shapes_are_not_checked_against_the_signature(odd_server: live.Server):
  response = odd_server.predict('', number=np.array([1.5], np.float32))  # declared [-1, 1]
  assert tf.make_ndarray(response.outputs['double']) == [3.0]


def _edit(**changes) -> predict_pb2.PredictRequest:
  request = live.predict_request('from_latent', latent=LATENTS, label=LABELS)
  for key in changes.pop('drop', ()):
    del request.inputs[key]
  for key in changes.pop('add', ()):
    request.inputs[key].CopyFrom(tf.make_tensor_proto([1]))
  request.output_filter.extend(changes.pop('outputs', ()))
  for key, value in changes.items():
    if key == 'version':
      request.model_spec.version.value = value
    else:
      setattr(request.model_spec, key, value)
  return request


@pytest.mark.parametrize(
  ('request_', 'code', 'text'),
  [
    (predict_pb2.PredictRequest(), CODES.INVALID_ARGUMENT, 'Missing ModelSpec'),
    (_edit(name=''), CODES.INVALID_ARGUMENT, 'ModelSpec has no name specified.'),
    (_edit(name='x'), CODES.NOT_FOUND, 'Servable not found for request: Latest(x)'),
    (_edit(name='x', version=7), CODES.NOT_FOUND, 'Servable not found for request: Specific(x, 7)'),
    (_edit(version=0), CODES.NOT_FOUND, 'Servable not found for request: Specific(digits, 0)'),
    (
      _edit(version_label='l'),
      CODES.INVALID_ARGUMENT,
      'Unrecognized servable version label: l',
    ),
    (
      _edit(signature_name='s'),
      CODES.FAILED_PRECONDITION,
      'Serving signature key "s" not found.',
    ),
    (
      _edit(drop=['label']),
      CODES.INVALID_ARGUMENT,
      'input size does not match signature: 1!=2 len({latent}) != len({label,latent}).'
      ' Sent extra: {}. Missing but required: {label}.',
    ),
    (
      _edit(add=['more']),
      CODES.INVALID_ARGUMENT,
      'input size does not match signature: 3!=2 len({label,latent,more}) != len({label,latent}).'
      ' Sent extra: {more}. Missing but required: {}.',
    ),
    (
      _edit(drop=['label'], add=['lable']),
      CODES.INVALID_ARGUMENT,
      'input tensor alias not found in signature: lable.'
      ' Inputs expected to be in the set {label,latent}.',
    ),
    (
      _edit(outputs=['z']),
      CODES.INVALID_ARGUMENT,
      'output tensor alias not found in signature: z Outputs expected to be in the set {images}.',
    ),
    (
      _edit(outputs=['images', 'images']),
      CODES.INVALID_ARGUMENT,
      'duplicate output tensor alias: images',
    ),
  ],
)
def test_predict_errors(server: live.Server, request_, code, text):
  assert error_of(lambda: server.prediction.Predict(request_)) == (code, text)


def test_values_that_do_not_fit_their_shape(server: live.Server):
  request = _edit()
  request.inputs['latent'].tensor_content = b'1234'
  code, text = error_of(lambda: server.prediction.Predict(request))
  assert (code, text) == (CODES.INVALID_ARGUMENT, 'tensor parsing error: latent')


def test_small_message_for_a_huge_tensor_is_refused(server: live.Server):
  request = _edit()
  request.inputs['label'].CopyFrom(tf.make_tensor_proto([1], tf.int64))
  request.inputs['label'].tensor_shape.dim[0].size = 2**40
  code, text = error_of(lambda: server.prediction.Predict(request))
  assert (code, text) == (CODES.INVALID_ARGUMENT, 'tensor parsing error: label')


@pytest.mark.parametrize(
  ('inputs', 'text'),
  [
    ({'latent': LATENTS, 'label': np.array([0, 1, 3])}, 'outside the 3 classes'),
    ({'latent': LATENTS[:, :5], 'label': LABELS}, 'not compatible with expected shape [?,8]'),
    ({'latent': SEEDS, 'label': LABELS}, 'expect float'),
  ],
)
def test_errors_of_tensorflow_keep_code_and_text(server: live.Server, inputs, text):
  code, details = error_of(lambda: server.predict('from_latent', **inputs))
  assert code == CODES.INVALID_ARGUMENT
  assert text in details


@pytest.mark.parametrize('shape', [(), (0,), (3, 3, 1), (1, 1, 3, 3, 1)])
def test_image_of_another_rank_does_not_end_the_process(odd_server: live.Server, shape):
  image = np.zeros(shape, np.float32)
  code, text = error_of(lambda: odd_server.predict('convolved', image=image))
  shown = ','.join(map(str, shape))
  assert (code, text) == (CODES.INVALID_ARGUMENT, f'image must be 4-dimensional[{shown}]')
  image = np.ones([2, 3, 3, 1], np.float32)
  assert list(odd_server.predict('convolved', image=image).outputs['out'].float_val) == [9, 9]


@pytest.mark.parametrize('rank', [33, 64])
def test_text_of_many_dimensions_does_not_end_the_process(odd_server: live.Server, rank: int):
  text = np.full([1] * rank, b'x', object)
  code, details = error_of(lambda: odd_server.predict('echo', text=text))
  assert code is CODES.INVALID_ARGUMENT
  assert details.startswith('text must have at most 32 dimensions')
  nested = '[' * rank + '"x"' + ']' * rank
  body = f'{{"signature_name": "echo", "inputs": {nested}}}'.encode()
  assert odd_server.rest('/v1/models/digits:predict', body)[0] == 400
  assert odd_server.predict('echo', text=text.reshape([1] * 32)).outputs['text'].string_val


def test_scalars_of_text_come_back(odd_server: live.Server):
  outputs = odd_server.predict('echo', text=np.array(b'abc', object)).outputs
  assert outputs['text'].string_val == [b'abc']
  assert not outputs['text'].tensor_shape.dim
  assert odd_server.post({'signature_name': 'echo', 'inputs': 'abc'})['outputs'] == {
    'text': 'abc',
    'text_bytes': {'b64': 'YWJj'},
  }


def test_long_error_is_cut(server: live.Server):
  code, text = error_of(lambda: server.prediction.Predict(_edit(signature_name='s' * 2000)))
  assert code == CODES.FAILED_PRECONDITION
  assert text == 'Serving signature key "' + 's' * (1024 - 23) + '...TRUNCATED'


@st.composite
def tensors(draw: st.DrawFn) -> tensor_pb2.TensorProto:
  """Messages that may be tensors."""
  kinds = st.sampled_from([*types_pb2.DataType.values(), 999])
  proto = tensor_pb2.TensorProto(dtype=draw(st.sampled_from([1, 3, 7, 9]) | kinds))
  sizes = st.integers(0, 4) | st.sampled_from([-2, -1, 2**20, 2**31, 2**62])
  for size in draw(st.lists(sizes, max_size=5) | st.integers(0, 300).map(lambda rank: [1] * rank)):
    proto.tensor_shape.dim.add(size=size)
  proto.tensor_shape.unknown_rank = draw(st.integers(0, 30)) == 30
  proto.tensor_content = draw(st.just(b'') | st.binary(max_size=16))
  proto.double_val.extend(draw(st.lists(st.floats(), max_size=2)))
  proto.half_val.extend(draw(st.lists(st.integers(0, 2**16 - 1), max_size=2)))
  proto.bool_val.extend(draw(st.lists(st.booleans(), max_size=2)))
  for name in draw(st.lists(st.text(max_size=3), max_size=1)):
    proto.resource_handle_val.add(name=name)
    proto.variant_val.add(type_name=name)
  proto.float_val.extend(draw(st.lists(st.floats(width=32), max_size=3)))
  proto.int64_val.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)))
  proto.int_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3)))
  proto.string_val.extend(draw(st.lists(st.binary(max_size=3), max_size=3)))
  return proto


@hypothesis.given(st.sampled_from(list(CALLS)), st.lists(tensors(), min_size=2, max_size=2))
@hypothesis.settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_malformed_tensors_are_the_clients_mistake(
  server: live.Server, signature: str, protos: list[tensor_pb2.TensorProto]
):
  request = live.predict_request(signature)
  for key, proto in zip(CALLS[signature], protos, strict=True):
    request.inputs[key].CopyFrom(proto)
  code = server.prediction.Predict.future(request, 60).code()
  assert code in (CODES.OK, CODES.INVALID_ARGUMENT), request


def test_bytes_that_are_no_message(server: live.Server):
  call = server.channel.unary_unary('/tensorflow.serving.PredictionService/Predict')
  assert error_of(lambda: call(b'\xff\xff', 60))[0] is CODES.INTERNAL
  assert server.predict('score', **CALLS['score']).model_spec.version.value == 1


def test_large_messages_pass(odd_server: live.Server):
  number = np.arange(2_000_000, dtype=np.float32).reshape(-1, 1)  # 8 MB; gRPC's own limit is 4
  response = odd_server.predict('', number=number)
  assert response.outputs['double'].float_val[-1] == 2 * 1_999_999


def test_metadata_is_the_signatures(server: live.Server):
  request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=['signature_def'])
  request.model_spec.name = 'digits'
  request.model_spec.signature_name = 'ignored'
  response = server.prediction.GetModelMetadata(request)
  assert response.model_spec.version.value == 1
  assert response.model_spec.signature_name == ''
  signatures = get_model_metadata_pb2.SignatureDefMap()
  assert response.metadata['signature_def'].Unpack(signatures)
  assert set(signatures.signature_def) == {*CALLS, '__saved_model_init_op'}
  latent = signatures.signature_def['from_latent'].inputs['latent']
  assert [dim.size for dim in latent.tensor_shape.dim] == [-1, 8]


@pytest.mark.parametrize(
  ('fields', 'name', 'code', 'text'),
  [
    (
      [],
      'digits',
      CODES.INVALID_ARGUMENT,
      'GetModelMetadataRequest must specify at least one metadata_field',
    ),
    (['x'], 'digits', CODES.INVALID_ARGUMENT, 'Metadata field x is not supported'),
    (['signature_def'], None, CODES.INVALID_ARGUMENT, 'Missing ModelSpec'),
    (['signature_def'], 'x', CODES.NOT_FOUND, 'Servable not found for request: Latest(x)'),
  ],
)
def test_metadata_errors(server: live.Server, fields, name, code, text):
  request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
  if name:
    request.model_spec.name = name
  assert error_of(lambda: server.prediction.GetModelMetadata(request)) == (code, text)


def test_status_ignores_the_label(server: live.Server):
  request = get_model_status_pb2.GetModelStatusRequest()
  request.model_spec.name = 'digits'
  request.model_spec.version_label = 'nonsense'
  (status,) = server.model.GetModelStatus(request).model_version_status
  assert status.version == 1
  assert status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
  assert status.HasField('status')


@pytest.mark.parametrize(
  ('name', 'version', 'code', 'text'),
  [
    (None, None, CODES.INVALID_ARGUMENT, 'Missing ModelSpec'),
    ('m', None, CODES.NOT_FOUND, 'Could not find any versions of model m'),
    ('digits', 9, CODES.NOT_FOUND, 'Could not find version 9 of model digits'),
  ],
)
def test_status_errors(server: live.Server, name, version, code, text):
  request = get_model_status_pb2.GetModelStatusRequest()
  if name:
    request.model_spec.name = name
  if version:
    request.model_spec.version.value = version
  assert error_of(lambda: server.model.GetModelStatus(request)) == (code, text)


def test_session_run_is_unimplemented(server: live.Server):
  session_run = server.channel.unary_unary(
    '/tensorflow.serving.SessionService/SessionRun',
    request_serializer=session_service_pb2.SessionRunRequest.SerializeToString,
  )
  code, _ = error_of(lambda: session_run(session_service_pb2.SessionRunRequest(), 60))
  assert code == CODES.UNIMPLEMENTED
