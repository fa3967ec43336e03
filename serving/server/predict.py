"""The checks between a request and TensorFlow, with TF Serving's codes and texts."""

from collections.abc import Collection, Iterable, Sequence

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import predict_pb2

from serving.server import classify, regress, tensor_proto
from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import DEFAULT_SIGNATURE, Arrays, Call

METHOD = 'tensorflow/serving/predict'
_METHODS = (METHOD, classify.METHOD, regress.METHOD)  # whose signatures Predict answers, too


def predict(
  call: Call,
  request: predict_pb2.PredictRequest,
  *,
  as_content: bool = False,
  check_method: bool = False,
) -> predict_pb2.PredictResponse:
  """Answers a Predict call, whatever model and version its `model_spec` names.

  Args:
    call: of the version to ask.
    request: what is asked.
    as_content: outputs go into `tensor_content`, not into typed fields.
    check_method: the signature must be meant for Predict, Classify or Regress.

  Raises:
    ServingError: FAILED_PRECONDITION for an unknown signature, INTERNAL for one of another method,
      INVALID_ARGUMENT for inputs or an output filter that do not fit it, or what TensorFlow says.
  """
  name = request.model_spec.signature_name or DEFAULT_SIGNATURE
  signature = call.signature(name)
  if check_method:
    _check_method(signature)
  _check_inputs(signature, request.inputs)
  inputs = {key: tensor_proto.to_array(key, proto) for key, proto in request.inputs.items()}
  outputs = _run(call, signature, inputs, _chosen_outputs(signature, request.output_filter))
  response = predict_pb2.PredictResponse()
  response.model_spec.CopyFrom(call.spec(request.model_spec))
  for key, array in outputs.items():
    response.outputs[key].CopyFrom(tensor_proto.to_proto(array, as_content=as_content))
  return response


def predict_arrays(
  call: Call, signature: SignatureDef, inputs: Arrays, *, check_method: bool
) -> Arrays:
  """Every output of a signature; errors as `predict`."""
  if check_method:
    _check_method(signature)
  _check_inputs(signature, inputs)
  return _run(call, signature, inputs, sorted(signature.outputs))


def _run(call: Call, signature: SignatureDef, inputs: Arrays, outputs: Sequence[str]) -> Arrays:
  missing = set(signature.defaults) - set(inputs)
  defaults = {key: tensor_proto.to_array(key, signature.defaults[key]) for key in missing}
  return call.run(signature, {**inputs, **defaults}, outputs)


def _check_method(signature: SignatureDef) -> None:
  if signature.method_name not in _METHODS:
    raise ServingError(
      Code.INTERNAL,
      f'Expected prediction signature method_name to be one of {{{", ".join(_METHODS)}}}.'
      f' Was: {signature.method_name}',
    )


def _check_inputs(signature: SignatureDef, names: Collection[str]) -> None:
  sent, known = set(names), set(signature.inputs)
  required = known - set(signature.defaults)
  if len(sent) > len(known) or (len(sent) < len(known) and not required <= sent):
    raise invalid(
      f'input size does not match signature: {len(sent)}!={len(known)} len({_set(sent)}) !='
      f' len({_set(known)}). Sent extra: {_set(sent - known)}.'
      f' Missing but required: {_set(required - sent)}.'
    )
  for name in sorted(sent - known):
    raise invalid(
      f'input tensor alias not found in signature: {name}.'
      f' Inputs expected to be in the set {_set(known)}.'
    )


def _chosen_outputs(signature: SignatureDef, output_filter: Sequence[str]) -> list[str]:
  chosen: list[str] = []
  for name in output_filter:
    if name not in signature.outputs:
      raise invalid(
        f'output tensor alias not found in signature: {name}'
        f' Outputs expected to be in the set {_set(signature.outputs)}.'
      )
    if name in chosen:
      raise invalid(f'duplicate output tensor alias: {name}')
    chosen.append(name)
  return chosen or sorted(signature.outputs)


def _set(names: Iterable[str]) -> str:
  return '{' + ','.join(sorted(names)) + '}'
