"""The gRPC services. Methods that are not here answer UNIMPLEMENTED."""

import logging
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import grpc
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  model_management_pb2,
  model_service_pb2_grpc,
  predict_pb2,
  prediction_service_pb2_grpc,
)

from serving.server.errors import Code, ServingError, invalid
from serving.server.model_set import ModelSet, wait_until_available
from serving.server.models import Models
from serving.server.options import Options
from serving.server.predict import predict

_Request = TypeVar('_Request')
_Response = TypeVar('_Response')
_log = logging.getLogger(__name__)
_OPTIONS = [
  ('grpc.max_send_message_length', -1),
  ('grpc.max_receive_message_length', -1),
  ('grpc.so_reuseport', 0),  # or two servers would share a port and each see half of the calls
]


def create_server(models: Models, served: ModelSet, options: Options) -> grpc.Server:
  """A server without ports; TensorFlow computes in its threads."""
  pool = futures.ThreadPoolExecutor(options.grpc_max_threads, thread_name_prefix='grpc')
  arguments = [*_OPTIONS, *_channel_arguments(options.grpc_channel_arguments)]
  server = grpc.server(pool, options=arguments)
  prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(models), server)
  model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(models, served), server)
  return server


def _channel_arguments(text: str) -> list[tuple[str, int | str]]:
  """`name=value,name=value`; numbers are passed on as numbers."""
  pairs = (pair.partition('=') for pair in text.split(',') if pair)
  return [(key, int(v) if v.removeprefix('-').isdecimal() else v) for key, _, v in pairs]


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
  def __init__(self, models: Models, served: ModelSet) -> None:
    self._models, self._served = models, served

  def GetModelStatus(  # noqa: N802
    self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
  ) -> get_model_status_pb2.GetModelStatusResponse:
    return _answer(self._models.status, request, context)

  def HandleReloadConfigRequest(  # noqa: N802
    self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
  ) -> model_management_pb2.ReloadConfigResponse:
    return _answer(lambda r: self._reload(r, context.is_active), request, context)

  def _reload(
    self, request: model_management_pb2.ReloadConfigRequest, goes_on: Callable[[], bool]
  ) -> model_management_pb2.ReloadConfigResponse:
    if request.config.WhichOneof('config') != 'model_config_list':
      raise invalid(
        'ServerModelConfig type not supported by HandleReloadConfigRequest.'
        ' Only ModelConfigList is currently supported'
      )
    wait_until_available(self._served.apply(request.config), 'model', goes_on)
    response = model_management_pb2.ReloadConfigResponse()
    response.status.error_code = 0
    return response


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
