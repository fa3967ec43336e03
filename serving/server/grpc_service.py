"""The gRPC services. Methods that are not here answer UNIMPLEMENTED."""

import logging
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import grpc
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  model_service_pb2_grpc,
  predict_pb2,
  prediction_service_pb2_grpc,
)

from serving.server.errors import Code, ServingError, invalid
from serving.server.models import Models
from serving.server.predict import predict

_Request = TypeVar('_Request')
_Response = TypeVar('_Response')
_log = logging.getLogger(__name__)
_OPTIONS = [
  ('grpc.max_send_message_length', -1),
  ('grpc.max_receive_message_length', -1),
  ('grpc.so_reuseport', 0),  # or two servers would share a port and each see half of the calls
]


def create_server(models: Models, num_threads: int) -> grpc.Server:
  """A server without ports; TensorFlow computes in its threads, at most `num_threads` at once."""
  pool = futures.ThreadPoolExecutor(num_threads, thread_name_prefix='grpc')
  server = grpc.server(pool, options=_OPTIONS)
  prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(models), server)
  model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(models), server)
  return server


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
  def __init__(self, models: Models) -> None:
    self._models = models

  def Predict(  # noqa: N802 - the name in the protocol
    self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
  ) -> predict_pb2.PredictResponse:
    return _answer(self._predict, request, context)

  def GetModelMetadata(  # noqa: N802
    self,
    request: get_model_metadata_pb2.GetModelMetadataRequest,
    context: grpc.ServicerContext,
  ) -> get_model_metadata_pb2.GetModelMetadataResponse:
    return _answer(self._models.metadata, request, context)

  def _predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    if not request.HasField('model_spec'):
      raise invalid('Missing ModelSpec')
    with self._models.use(request.model_spec) as servable:
      return predict(servable, request)


class _Model(model_service_pb2_grpc.ModelServiceServicer):
  def __init__(self, models: Models) -> None:
    self._models = models

  def GetModelStatus(  # noqa: N802
    self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
  ) -> get_model_status_pb2.GetModelStatusResponse:
    return _answer(self._models.status, request, context)


def _answer(
  method: Callable[[_Request], _Response], request: _Request, context: grpc.ServicerContext
) -> Any:
  """The response, or an error as a status."""
  try:
    return method(request)
  except ServingError as error:
    context.abort(error.code, error.grpc_text)
  except Exception:  # a defect of this server: the client gets no details, the log all
    _log.exception('gRPC call failed')
    context.abort(Code.INTERNAL, "Internal error; the server's log has the details.")
