"""Classify: examples to labels and scores.

Source: https://www.tensorflow.org/tfx/serving/signature_defs#classification_signaturedef.
"""

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import classification_pb2

from serving.server import examples
from serving.server.errors import ServingError, invalid
from serving.server.servable import DEFAULT_SIGNATURE, Arrays, Call, shape_text

METHOD = 'tensorflow/serving/classify'
_CLASSES, _SCORES = 'classes', 'scores'


def classify(
  call: Call, request: classification_pb2.ClassificationRequest, *, check_method: bool
) -> classification_pb2.ClassificationResponse:
  """Answers a Classify call.

  Raises:
    ServingError: INVALID_ARGUMENT, the signature or what it gives is no classification; or what
      TensorFlow says.
  """
  signature = example_signature(call, request.model_spec.signature_name)
  check(signature, check_method=check_method)
  inputs = examples.serialized(request.input)
  arrays = call.run(
    signature, {'inputs': inputs}, sorted({_CLASSES, _SCORES} & set(signature.outputs))
  )
  response = classification_pb2.ClassificationResponse(result=result(arrays, len(inputs)))
  response.model_spec.CopyFrom(call.spec(request.model_spec))
  return response


def example_signature(call: Call, name: str) -> SignatureDef:
  """The signature of a name; '' is the default one.

  Raises:
    ServingError: INVALID_ARGUMENT, there is none.
  """
  try:
    return call.signature(name)
  except ServingError:
    message = f'No signature was found with the name: {name or DEFAULT_SIGNATURE}'
    raise invalid(message) from None


def check(signature: SignatureDef, *, check_method: bool) -> None:
  """Whether a signature classifies; INVALID_ARGUMENT if not."""
  if check_method and signature.method_name != METHOD:
    raise invalid(
      f'Expected classification signature method_name to be {METHOD}. Was: {signature.method_name}'
    )
  if len(signature.inputs) != 1:
    raise invalid('Expected one input Tensor.')
  if len(signature.outputs) not in (1, 2):
    raise invalid(f'Expected one or two output Tensors, found {len(signature.outputs)}')
  if 'inputs' not in signature.inputs:
    raise invalid(f'No classification inputs found in SignatureDef: {signature}')
  if not {_CLASSES, _SCORES} & set(signature.outputs):
    raise invalid(
      'Expected classification signature outputs to contain at least one of'
      f' "{_CLASSES}" or "{_SCORES}". Signature was: {signature}'
    )


def result(arrays: Arrays, num_examples: int) -> classification_pb2.ClassificationResult:
  """The message for `classes` [B, N] strings and `scores` [B, N] float32, or one of them.

  Raises:
    ServingError: INVALID_ARGUMENT, they have another shape or type.
  """
  classes, scores = arrays.get(_CLASSES), arrays.get(_SCORES)
  if classes is not None:
    _check_output(classes, 'classes', 'DT_STRING', 'O', num_examples)
  if scores is not None:
    _check_output(scores, 'scores', 'DT_FLOAT', 'f4', num_examples)
  if classes is not None and scores is not None and classes.shape != scores.shape:
    raise invalid(
      'Tensors class and score should match in dim_size(1).'
      f' Got {classes.shape[1]} vs. {scores.shape[1]}'
    )
  num_classes = next(array.shape[1] for array in (classes, scores) if array is not None)
  message = classification_pb2.ClassificationResult()
  for i in range(num_examples):
    row = message.classifications.add()
    for c in range(num_classes):
      one = row.classes.add()
      if classes is not None:
        one.label = classes[i, c].decode('utf-8', 'replace')
      if scores is not None:
        one.score = scores[i, c]
  return message


def _check_output(array: np.ndarray, name: str, type_name: str, dtype: str, size: int) -> None:
  if array.ndim != 2:
    shape = shape_text(array.shape)
    raise invalid(f'Expected Tensor shape: [batch_size num_classes] but got {shape}')
  if array.dtype != np.dtype(dtype):
    raise invalid(f'Expected {name} Tensor of {type_name}. Got: {type_of(array)}')
  if len(array) != size:
    raise invalid(f'Expected {name} output batch size of {size}. Got: {len(array)}')


def type_of(array: np.ndarray) -> str:
  """TensorFlow's name for an array's type."""
  names = {'object': 'STRING', 'float32': 'FLOAT', 'float64': 'DOUBLE', 'float16': 'HALF'}
  return f'DT_{names.get(array.dtype.name, array.dtype.name.upper())}'
