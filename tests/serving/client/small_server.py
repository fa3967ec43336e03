"""A gRPC server in this process that does as it is told, made from TensorFlow Serving's protos."""

import contextlib
import dataclasses
from collections.abc import Iterator
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  model_service_pb2_grpc,
  predict_pb2,
  prediction_service_pb2_grpc,
)

_UNLIMITED = [('grpc.max_send_message_length', -1), ('grpc.max_receive_message_length', -1)]


@dataclasses.dataclass
class SmallServer(
  prediction_service_pb2_grpc.PredictionServiceServicer,
  model_service_pb2_grpc.ModelServiceServicer,
):
  """Scores images by their mean; the first calls fail with `failures`."""

  failures: list[grpc.StatusCode] = dataclasses.field(default_factory=list)
  image_size: int = 2
  peers: list[str] = dataclasses.field(default_factory=list)
  port: int = 0

  def GetModelStatus(self, request, context):  # noqa: N802
    self._note(context)
    response = get_model_status_pb2.GetModelStatusResponse()
    response.model_version_status.add(version=3, state='AVAILABLE')
    return response

  def GetModelMetadata(self, request, context):  # noqa: N802
    self._note(context)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    score = signatures.signature_def['score']
    images = score.inputs['images']
    images.dtype = tf.float32.as_datatype_enum
    for size in (-1, self.image_size, self.image_size, 1):
      images.tensor_shape.dim.add(size=size)
    score.outputs['score'].dtype = tf.float32.as_datatype_enum
    score.outputs['score'].tensor_shape.dim.add(size=-1)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.version.value = 3
    response.metadata['signature_def'].Pack(signatures)
    return response

  def Predict(self, request, context):  # noqa: N802
    self._note(context)
    images = tf.make_ndarray(request.inputs['images'])
    response = predict_pb2.PredictResponse()
    response.model_spec.version.value = 3
    means = images.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)
    response.outputs['score'].CopyFrom(tf.make_tensor_proto(means))
    return response

  def _note(self, context: grpc.ServicerContext) -> None:
    self.peers.append(context.peer())
    if self.failures:
      context.abort(self.failures.pop(0), 'as told')

  @property
  def address(self) -> str:
    return f'localhost:{self.port}'


@contextlib.contextmanager
def serve(
  credentials: grpc.ServerCredentials | None = None, port: int = 0, **arguments
) -> Iterator[SmallServer]:
  service = SmallServer(**arguments)
  server = grpc.server(futures.ThreadPoolExecutor(4), options=_UNLIMITED)
  prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
  model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
  address = f'localhost:{port}'
  if credentials is None:
    service.port = server.add_insecure_port(address)
  else:
    service.port = server.add_secure_port(address, credentials)
  server.start()
  try:
    yield service
  finally:
    server.stop(None).wait(30)
