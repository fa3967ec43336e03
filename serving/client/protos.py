"""TensorFlow Serving's messages without TensorFlow.

The packages `tensorflow_serving` and `tensorflow` bring these messages too, and a process may
import them beside this one: hence a descriptor pool of our own, where equal names do not clash.
"""

import pathlib
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_COMPILED = pathlib.Path(__file__).with_name('tf_serving.binpb')  # tf_serving.proto says how
_PACKAGE = 'tensorflow.serving'

_pool = descriptor_pool.DescriptorPool()
for _file in descriptor_pb2.FileDescriptorSet.FromString(_COMPILED.read_bytes()).file:
  _pool.Add(_file)


def _message(name: str) -> Any:
  return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f'{_PACKAGE}.{name}'))


GetModelMetadataRequest = _message('GetModelMetadataRequest')
GetModelMetadataResponse = _message('GetModelMetadataResponse')
GetModelStatusRequest = _message('GetModelStatusRequest')
GetModelStatusResponse = _message('GetModelStatusResponse')
PredictRequest = _message('PredictRequest')
PredictResponse = _message('PredictResponse')
SignatureDefMap = _message('SignatureDefMap')
TensorProto = _message('TensorProto')

DATA_TYPES = _pool.FindEnumTypeByName(f'{_PACKAGE}.DataType')
STATES = _pool.FindEnumTypeByName(f'{_PACKAGE}.ModelVersionStatus.State')
