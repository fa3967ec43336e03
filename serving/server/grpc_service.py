"""The gRPC services. Methods that are not here answer UNIMPLEMENTED."""

import logging
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
  classification_pb2,
  get_model_metadata_pb2,
  get_model_status_pb2,
  inference_pb2,
  model_management_pb2,
  model_pb2,
  model_service_pb2_grpc,
  predict_pb2,
  prediction_service_pb2_grpc,
  regression_pb2,
)

from serving.server import profiler
from serving.server.errors import Code, ServingError, invalid
from serving.server.inference import Inference
from serving.server.metrics import Metrics
from serving.server.model_set import ModelSet, wait_until_available
from serving.server.models import Models
from serving.server.options import Options

_Request = TypeVar('_Request')
_Response = TypeVar('_Response')
_log = logging.getLogger(__name__)
_CALLS_PER_THREAD = 100  # that wait or run; more are refused, so that the queue has an end
_OPTIONS = [
  ('grpc.max_send_message_length', -1),
  ('grpc.max_receive_message_length', -1),
  ('grpc.so_reuseport', 0),  # or two servers would share a port and each see half of the calls
]


def create_server(inference: Inference, served: ModelSet, options: Options) -> grpc.Server:
  """A server without ports; TensorFlow computes in its threads."""
  pool = futures.ThreadPoolExecutor(options.grpc_max_threads, thread_name_prefix='grpc')
  arguments = [*_OPTIONS, *_channel_arguments(options.grpc_channel_arguments)]
  limit = _CALLS_PER_THREAD * options.grpc_max_threads
  server = grpc.server(pool, options=arguments, maximum_concurrent_rpcs=limit)
  prediction = _Prediction(inference)
  model = _Model(inference.models, served, inference.metrics)
  prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
  model_service_pb2_grpc.add_ModelServiceServicer_to_server(model, server)
  if options.enable_grpc_healthcheck_service:
    _add_health(server)
  if options.enable_profiler:
    server.add_generic_rpc_handlers([profiler.handler()])
  return server


def _add_health(server: grpc.Server) -> None:
  """Ports open when models are loaded: who can ask is told that all is well."""
  servicer = health.HealthServicer()
  for service in ('', 'ModelService', 'PredictionService'):
    servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
  health_pb2_grpc.add_HealthServicer_to_server(servicer, server)


def _channel_arguments(text: str) -> list[tuple[str, int | str]]:
  """`name=value,name=value`; numbers are passed on as numbers."""
  pairs = (pair.partition('=') for pair in text.split(',') if pair)
  return [(key, int(v) if v.removeprefix('-').isdecimal() else v) for key, _, v in pairs]


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
  def __init__(self, inference: Inference) -> None:
    self._inference = inference

  def Predict(  # noqa: N802 - the name in the protocol
    self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
  ) -> predict_pb2.PredictResponse:
    spec = request.model_spec
    return self._counted('Predict', self._inference.predict, spec, request, context)

  def Classify(  # noqa: N802
    self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext
  ) -> classification_pb2.ClassificationResponse:
    spec = request.model_spec
    return self._counted('Classify', self._inference.classify, spec, request, context)

  def Regress(  # noqa: N802
    self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
  ) -> regression_pb2.RegressionResponse:
    spec = request.model_spec
    return self._counted('Regress', self._inference.regress, spec, request, context)

  def MultiInference(  # noqa: N802
    self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
  ) -> inference_pb2.MultiInferenceResponse:
    spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    return self._counted('MultiInference', self._inference.multi_inference, spec, request, context)

  def GetModelMetadata(  # noqa: N802
    self,
    request: get_model_metadata_pb2.GetModelMetadataRequest,
    context: grpc.ServicerContext,
  ) -> get_model_metadata_pb2.GetModelMetadataResponse:
    return _answer(self._inference.models.metadata, request, context)

  def _counted(
    self,
    api: str,
    method: Callable[..., _Response],
    spec: model_pb2.ModelSpec,
    request: Any,
    context: grpc.ServicerContext,
  ) -> _Response:
    start_s, status = time.perf_counter(), Code.INTERNAL

    def run(request: Any) -> _Response:
      nonlocal status
      try:
        response = method(request, lambda: _time_left_s(context))
      except ServingError as error:
        status = error.code
        raise
      status = Code.OK
      return response

    try:
      return _answer(run, request, context)
    finally:
      self._inference.record(spec, status, time.perf_counter() - start_s, api, 'GRPC')


def _time_left_s(context: grpc.ServicerContext) -> float | None:
  """As long as the client will wait; None for ever, 0 if it has gone."""
  return context.time_remaining() if context.is_active() else 0.0


class _Model(model_service_pb2_grpc.ModelServiceServicer):
  def __init__(self, models: Models, served: ModelSet, metrics: Metrics) -> None:
    self._models, self._served, self._metrics = models, served, metrics

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
    before = self._metrics.counters()
    wait_until_available(self._served.apply(request.config), 'model', goes_on)
    after = self._metrics.counters()
    response = model_management_pb2.ReloadConfigResponse()
    response.status.error_code = 0
    for name in dict.fromkeys(request.metric_names):  # histograms and unknown names grow by 0
      grown = after.get(name, 0) - before.get(name, 0)
      response.metric.add(name=name, int64_value_increase=grown)
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
