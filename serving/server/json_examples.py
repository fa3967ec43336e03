"""Bodies of REST Classify and Regress calls: examples as objects, and their results.

Source: https://www.tensorflow.org/tfx/serving/api_rest#classify_and_regress_api.
"""

import json
from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from serving.server import json_tensor, json_text
from serving.server.errors import invalid

_Object = dict[str, Any]
_FLOAT, _STRING = types_pb2.DT_FLOAT, types_pb2.DT_STRING
_KINDS = {'bytes_list': 'bytes', 'float_list': 'float', 'int64_list': 'int64'}


def input_of(document: _Object) -> input_pb2.Input:
  """The examples of a request, with their context if there is one.

  Raises:
    ServingError: INVALID_ARGUMENT, as TF Serving words it.
  """
  message = input_pb2.Input()
  target = message.example_list
  if 'context' in document:
    target = message.example_list_with_context
    target.context.CopyFrom(_example(document['context']))
  if 'examples' not in document:
    raise json_text.format_error(
      document, "When method is classify, key 'examples' is expected and was not found"
    )
  examples = document['examples']
  if not isinstance(examples, list):
    raise json_text.format_error(document, "Expecting 'examples' value to be an list/array")
  if not examples:
    raise json_text.format_error(document, "'examples' value is an empty array")
  target.examples.extend(_example(value) for value in examples)
  return message


def classification_body(result: classification_pb2.ClassificationResult) -> bytes:
  """The reply: a list of [label, score] for each example."""
  rows = []
  for row in result.classifications:
    scores = json_text.decimals(np.array([one.score for one in row.classes], np.float32))
    labels = (json.dumps(one.label, ensure_ascii=False) for one in row.classes)
    rows.append(', '.join(f'[{pair[0]}, {pair[1]}]' for pair in zip(labels, scores, strict=True)))
  return f'{{"results": [{", ".join(f"[{row}]" for row in rows)}]}}'.encode()


def regression_body(result: regression_pb2.RegressionResult) -> bytes:
  """The reply: a number for each example."""
  values = np.array([one.value for one in result.regressions], np.float32)
  return f'{{"results": [{", ".join(json_text.decimals(values))}]}}'.encode()


def _example(value: Any) -> example_pb2.Example:
  if not isinstance(value, dict):
    raise invalid(f'Example must be JSON object but got JSON {json_text.type_name(value)}')
  example = example_pb2.Example()
  for name, content in value.items():
    feature = feature_pb2.Feature()
    for element in content if isinstance(content, list) else [content]:
      _add(element, name, feature)
    try:
      example.features.feature[name].CopyFrom(feature)
    except UnicodeEncodeError:
      raise invalid('JSON Parse error: Invalid encoding in string.') from None
  return example


def _add(value: Any, name: str, feature: feature_pb2.Feature) -> None:
  """Adds a value to a feature, whose first value decides its kind."""
  if isinstance(value, bool):
    _list(feature, 'int64_list', name).append(int(value))
  elif isinstance(value, int):
    if value >= 2**63:
      raise invalid(f'Feature: {name} has uint64 element. Only int64 is supported.')
    _list(feature, 'int64_list', name).append(value)
  elif isinstance(value, float):
    _list(feature, 'float_list', name).append(json_tensor.to_array(value, _FLOAT).item())
  elif isinstance(value, str) or json_tensor.is_base64(value):
    _list(feature, 'bytes_list', name).append(json_tensor.to_array(value, _STRING).item())
  else:
    kind = json_text.type_name(value)
    raise invalid(f'Feature: {name} has element with unexpected JSON type: {kind}')


def _list(feature: feature_pb2.Feature, kind: str, name: str) -> Any:
  present = feature.WhichOneof('kind')
  if present not in (None, kind):
    raise invalid(f'Unexpected element type in feature: {name} expecting type: {_KINDS[present]}')
  return getattr(feature, kind).value
