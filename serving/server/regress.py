"""Regress: examples to a number each.

Source: https://www.tensorflow.org/tfx/serving/signature_defs#regression_signaturedef.
"""

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import regression_pb2

from serving.server import examples
from serving.server.classify import example_signature, type_of
from serving.server.errors import invalid
from serving.server.servable import Arrays, Call, shape_text

METHOD = 'tensorflow/serving/regress'


def regress(
  call: Call, request: regression_pb2.RegressionRequest, *, check_method: bool
) -> regression_pb2.RegressionResponse:
  """Answers a Regress call.

  Raises:
    ServingError: INVALID_ARGUMENT, the signature or what it gives is no regression; or what
      TensorFlow says.
  """
  signature = example_signature(call, request.model_spec.signature_name)
  check(signature, check_method=check_method)
  inputs = examples.serialized(request.input)
  arrays = call.run(signature, {'inputs': inputs}, ['outputs'])
  response = regression_pb2.RegressionResponse(result=result(arrays, len(inputs)))
  response.model_spec.CopyFrom(call.spec(request.model_spec))
  return response


def check(signature: SignatureDef, *, check_method: bool) -> None:
  """Whether a signature regresses; INVALID_ARGUMENT if not."""
  if check_method and signature.method_name != METHOD:
    raise invalid(
      f'Expected regression signature method_name to be {METHOD}. Was: {signature.method_name}'
    )
  if len(signature.inputs) != 1:
    raise invalid('Expected one input Tensor.')
  if len(signature.outputs) != 1:
    raise invalid('Expected one output Tensor.')
  if 'inputs' not in signature.inputs:
    raise invalid(f'No regression inputs found in SignatureDef: {signature}')
  if 'outputs' not in signature.outputs:
    raise invalid(f'No regression outputs found in SignatureDef: {signature}')


def result(arrays: Arrays, num_examples: int) -> regression_pb2.RegressionResult:
  """The message for `outputs` [B] or [B, 1] float32.

  Raises:
    ServingError: INVALID_ARGUMENT, they have another shape or type.
  """
  values = arrays['outputs']
  if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] != 1):
    raise invalid(
      'Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got '
      + shape_text(values.shape)
    )
  if len(values) != num_examples:
    raise invalid(
      f'Input batch size did not match output batch size: {num_examples} vs. {len(values)}'
    )
  if values.dtype != np.float32:
    raise invalid(f'Expected output Tensor of DT_FLOAT.  Got: {type_of(values)}')
  message = regression_pb2.RegressionResult()
  for value in values.reshape(-1).tolist():
    message.regressions.add(value=value)
  return message
