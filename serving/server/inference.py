"""The methods of PredictionService over all models: what gRPC and REST both call."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tensorflow_serving.apis import (
  classification_pb2,
  inference_pb2,
  model_pb2,
  predict_pb2,
  regression_pb2,
)

from serving.server import examples
from serving.server.classify import classify
from serving.server.errors import Code
from serving.server.metrics import Metrics
from serving.server.models import Models, spec_of
from serving.server.multi_inference import multi_inference
from serving.server.options import Options
from serving.server.predict import predict
from serving.server.regress import regress
from serving.server.servable import Call

_RUNTIME = 'TF1'  # what TF Serving calls a session
TimeLeft = Callable[[], float | None]  # seconds; None for no limit


def no_limit() -> None:
  """The time left of a request that may take any time."""


class Inference:
  """Answers requests; `time_left` of each tells how long its client will wait."""

  def __init__(self, models: Models, metrics: Metrics, options: Options) -> None:
    self.models, self.metrics = models, metrics
    self.check_method = options.enable_signature_method_name_check
    self._as_content = options.enable_serialization_as_tensor_content

  def predict(
    self, request: predict_pb2.PredictRequest, time_left: TimeLeft = no_limit
  ) -> predict_pb2.PredictResponse:
    """Tensors to tensors."""
    with self.call('Predict', spec_of(request), time_left) as call:
      return predict(call, request, as_content=self._as_content, check_method=self.check_method)

  def classify(
    self, request: classification_pb2.ClassificationRequest, time_left: TimeLeft = no_limit
  ) -> classification_pb2.ClassificationResponse:
    """Examples to labels and scores."""
    self._count_examples(request.model_spec, request)
    with self.call('Classify', spec_of(request), time_left) as call:
      return classify(call, request, check_method=self.check_method)

  def regress(
    self, request: regression_pb2.RegressionRequest, time_left: TimeLeft = no_limit
  ) -> regression_pb2.RegressionResponse:
    """Examples to numbers."""
    self._count_examples(request.model_spec, request)
    with self.call('Regress', spec_of(request), time_left) as call:
      return regress(call, request, check_method=self.check_method)

  def multi_inference(
    self, request: inference_pb2.MultiInferenceRequest, time_left: TimeLeft = no_limit
  ) -> inference_pb2.MultiInferenceResponse:
    """Examples to several results."""
    spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    self._count_examples(spec, request)
    with self.call('MultiInference', spec, time_left) as call:
      return multi_inference(call, request, check_method=self.check_method)

  @contextmanager
  def call(self, api: str, spec: model_pb2.ModelSpec, time_left: TimeLeft) -> Iterator[Call]:
    """The version that `spec` names, kept loaded; its time is recorded under `api`."""
    seconds = time_left()
    deadline_s = None if seconds is None else time.monotonic() + seconds
    with self.models.use(spec) as servable:
      call = Call(servable, deadline_s)
      yield call
      self.metrics.runtime_latency.observe(call.runtime_s * 1e6, spec.name, api, _RUNTIME)

  def record(
    self, spec: model_pb2.ModelSpec, status: Code, seconds: float, api: str, entrypoint: str
  ) -> None:
    """Counts an answer; names of models that do not exist, of which there is no end, as none."""
    name = spec.name if spec.name in self.models else ''
    self.metrics.request(name, status.name, seconds, api, entrypoint)

  def _count_examples(self, spec: model_pb2.ModelSpec, request: Any) -> None:
    number = examples.count(request.input)
    if number and spec.name in self.models:
      self.metrics.examples(spec.name, number)
