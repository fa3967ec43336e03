"""Against TensorFlow Serving's own messages."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

from serving.client import ResponseError, grpc_messages, protos
from serving.client.calls import model_spec
from serving.client.messages import PredictRequest, Signature, StatusRequest, VersionStatus

STATUS = StatusRequest(spec=model_spec('m', 7, None))


def predict_request(**inputs: np.ndarray) -> PredictRequest:
  signature = Signature(inputs={}, outputs={})
  spec = model_spec('m', None, 'stable')
  return PredictRequest(spec=spec, signature_name='s', signature=signature, inputs=inputs)


@pytest.mark.parametrize(
  'array',
  [
    np.array([1, -(2**62)]),
    np.array([[0.5, np.nan], [-np.inf, 3]], np.float32),
    np.zeros([0, 3], np.float32),
    np.arange(6, dtype='>f4').reshape(2, 3).T.astype('f4', order='F'),
  ],
)
def test_predict_request(array: np.ndarray):
  message = grpc_messages.encode(predict_request(x=array))
  request = predict_pb2.PredictRequest.FromString(message)
  assert request.model_spec.name == 'm'
  assert request.model_spec.version_label == 'stable'
  assert request.model_spec.signature_name == 's'
  np.testing.assert_array_equal(tf.make_ndarray(request.inputs['x']), array)


@pytest.mark.parametrize(
  'array',
  [
    np.array([1, -(2**62)]),
    np.array([[0.5, np.nan]], np.float32),
    np.array([0.1]),
    np.array([3, 255], np.uint8),
    np.array([-3], np.int32),
    np.zeros([0, 3], np.float32),
    np.array([[b'a', b'']], object),
  ],
)
def test_tensors_in_both_forms(array: np.ndarray):
  with_content = tf.make_tensor_proto(array)
  with_values = tensor_pb2.TensorProto(dtype=with_content.dtype)
  with_values.tensor_shape.CopyFrom(with_content.tensor_shape)
  name = protos.DATA_TYPES.values_by_number[with_content.dtype].name
  getattr(with_values, grpc_messages._DTYPES[name][1]).extend(array.reshape(-1).tolist())
  for official in (with_content, with_values):
    tensor = protos.TensorProto.FromString(official.SerializeToString())
    read = grpc_messages.read_tensor('x', tensor)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


def test_status():
  response = get_model_status_pb2.GetModelStatusResponse()
  response.model_version_status.add(version=7, state='END').status.error_message = 'damaged'
  response.model_version_status.add(version=6, state='AVAILABLE')
  statuses = grpc_messages.decode(STATUS, response.SerializeToString(), 'somewhere')
  assert statuses == (
    VersionStatus(version=7, state='END', error='damaged'),
    VersionStatus(version=6, state='AVAILABLE'),
  )


@pytest.mark.parametrize(
  'reply',
  [
    b'\xff',
    {'dtype': 19, 'half_val': [1]},
    {'dtype': 999},
    {'dtype': 1, 'float_val': [1, 2, 3]},
    {'dtype': 1, 'tensor_content': b'123'},
  ],
)
def test_replies_that_can_not_be_read(reply):
  if isinstance(reply, dict):
    response = predict_pb2.PredictResponse()
    tensor = response.outputs['x']
    tensor.CopyFrom(tensor_pb2.TensorProto(**reply))
    tensor.tensor_shape.dim.add(size=2)
    reply = response.SerializeToString()
  with pytest.raises(ResponseError, match='somewhere: the reply is not'):
    grpc_messages.decode(predict_request(), reply, 'somewhere')
