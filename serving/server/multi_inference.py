"""MultiInference: several classifications and regressions of the same examples in one run."""

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import inference_pb2

from serving.server import classify, examples, regress
from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import DEFAULT_SIGNATURE, Call


def multi_inference(
  call: Call, request: inference_pb2.MultiInferenceRequest, *, check_method: bool
) -> inference_pb2.MultiInferenceResponse:
  """Answers every task from one run of the graph.

  Raises:
    ServingError: INVALID_ARGUMENT, the tasks do not fit each other or the model; UNIMPLEMENTED, a
      task is neither classification nor regression; or what TensorFlow says.
  """
  signatures = _signatures(call, request, check_method=check_method)
  inputs = examples.serialized(request.input)
  merged = SignatureDef()  # outputs by the names of their tensors: signatures share names
  for signature in signatures:
    merged.inputs['inputs'].CopyFrom(signature.inputs['inputs'])
    for info in signature.outputs.values():
      merged.outputs[info.name].CopyFrom(info)
  tensors = call.run(merged, {'inputs': inputs}, sorted(merged.outputs))
  response = inference_pb2.MultiInferenceResponse()
  for task, signature in zip(request.tasks, signatures, strict=True):
    arrays = {key: tensors[info.name] for key, info in signature.outputs.items()}
    one = response.results.add()
    one.model_spec.CopyFrom(call.spec(task.model_spec))
    if task.method_name == classify.METHOD:
      one.classification_result.CopyFrom(classify.result(arrays, len(inputs)))
    else:
      one.regression_result.CopyFrom(regress.result(arrays, len(inputs)))
  return response


def _signatures(
  call: Call, request: inference_pb2.MultiInferenceRequest, *, check_method: bool
) -> list[SignatureDef]:
  found: dict[str, SignatureDef] = {}
  for task in request.tasks:
    if not task.model_spec.name:
      raise invalid('Found ModelSpec with an empty model name.')
    if task.model_spec.name != request.tasks[0].model_spec.name:
      raise invalid('All ModelSpecs in a MultiInferenceRequest must access the same model name.')
    name = task.model_spec.signature_name or DEFAULT_SIGNATURE
    if name in found:
      raise invalid(f'Duplicate evaluation of signature: {name}')
    if name not in call.signatures:
      raise invalid(f'Requested signature not found in model graph: {name}')
    found[name] = call.signature(name)
    if task.method_name == classify.METHOD:
      classify.check(found[name], check_method=check_method)
    elif task.method_name == regress.METHOD:
      regress.check(found[name], check_method=check_method)
    else:
      message = f'Unsupported signature method_name: {task.method_name}'
      raise ServingError(Code.UNIMPLEMENTED, message)
  if len({signature.inputs['inputs'].name for signature in found.values()}) > 1:
    raise invalid('Input tensor must be the same for all Signatures.')
  return list(found.values())
