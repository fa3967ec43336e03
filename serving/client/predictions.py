"""Predict calls: checked against the server's metadata before they are sent.

Legend: B batch.
"""

import dataclasses
import re
from typing import Any

import numpy as np

from serving.client import checks
from serving.client.checks import Labels
from serving.client.effects import Call
from serving.client.errors import InvalidRequestError, NotFoundError, ResponseError, ShapeError
from serving.client.messages import (
  Arrays,
  Metadata,
  MetadataRequest,
  ModelSpec,
  PredictRequest,
  Signature,
)
from serving.client.retries import Exchanger

_OUTSIDE = re.compile(r'outside the (\d+) classes')  # what an exported model says of a label


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
  """Rows for a signature with one input, besides labels."""

  signature: str
  input: str
  outputs: tuple[str, ...]
  rows: np.ndarray  # [B, ...]
  labels: Labels | None


class Predictor:
  """Asks questions of one client, and remembers the metadata of the versions that it asked."""

  def __init__(self, exchanger: Exchanger, max_batch_size: int) -> None:
    self._exchanger, self._max_batch_size = exchanger, max_batch_size
    self._metadata: dict[ModelSpec, Metadata] = {}
    self._num_classes: dict[int, int] = {}  # by version, once the server has told it

  def metadata(self, spec: ModelSpec, deadline_s: float) -> Call[Metadata]:
    """The signatures as the server has them now."""
    metadata = yield from self._exchanger.exchange(MetadataRequest(spec=spec), deadline_s)
    self._metadata[spec] = metadata
    return metadata

  def predict(self, question: Question, spec: ModelSpec, deadline_s: float) -> Call[Arrays]:
    """The outputs, [B, ...] each."""
    known = self._metadata.get(spec)
    if known is not None:
      try:
        return (yield from self._ask(question, spec, known, deadline_s))
      except (InvalidRequestError, NotFoundError):
        pass  # there may be another version by now: look, and ask once more
    metadata = yield from self.metadata(spec, deadline_s)
    return (yield from self._ask(question, spec, metadata, deadline_s))

  def _ask(
    self, question: Question, spec: ModelSpec, metadata: Metadata, deadline_s: float
  ) -> Call[Arrays]:
    model = f'model {spec.name} version {metadata.version} ({self._exchanger.address})'
    signature = _signature(question, metadata, model)
    inputs = self._inputs(question, signature, metadata.version, model)
    answers = []
    for start in range(0, len(question.rows), self._max_batch_size):
      request = PredictRequest(
        spec=spec,
        signature_name=question.signature,
        signature=signature,
        inputs={key: rows[start : start + self._max_batch_size] for key, rows in inputs.items()},
      )
      try:
        prediction = yield from self._exchanger.exchange(request, deadline_s)
      except InvalidRequestError as error:
        self._raise_label_error(error, request.inputs.get('label'), metadata.version, model)
        raise
      if prediction.version not in (None, metadata.version):
        self._metadata.pop(spec, None)  # a newer one answered
      answers.append(
        [_output(name, question, request, prediction.outputs, model) for name in question.outputs]
      )
    return dict(zip(question.outputs, map(np.concatenate, zip(*answers, strict=True)), strict=True))

  def _inputs(self, question: Question, signature: Signature, version: int, model: str) -> Arrays:
    """All inputs, whole.

    Raises:
      InvalidRequestError: the rows or labels do not fit the signature.
    """
    rows, wanted = question.rows, signature.inputs[question.input]
    if not checks.fits(rows, wanted):
      raise ShapeError(
        f'{question.input} has the shape {list(rows.shape)}, but {model} takes'
        f' {checks.shape_text(wanted)}. Pass arrays of that shape.'
      )
    labels = checks.labels(
      question.labels,
      len(rows),
      takes_labels='label' in signature.inputs,
      num_classes=self._num_classes.get(version),
      model=model,
    )
    return {question.input: rows} | ({} if labels is None else {'label': labels})

  def _raise_label_error(
    self, error: InvalidRequestError, labels: np.ndarray | None, version: int, model: str
  ) -> None:
    """Raises a LabelError if that is what the server says, which tells the number of classes."""
    found = _OUTSIDE.search(str(error))
    if found and labels is not None:
      self._num_classes[version] = int(found[1])
      try:
        checks.check_classes(labels, int(found[1]), model)
      except InvalidRequestError as label_error:
        raise label_error from error


def _signature(question: Question, metadata: Metadata, model: str) -> Signature:
  signature = metadata.signatures.get(question.signature)
  if signature is None or question.input not in signature.inputs:
    raise NotFoundError(
      f'{model} has no signature {question.signature} with an input {question.input}, only'
      f' {", ".join(sorted(metadata.signatures))}. Ask for a model that forgeline exported.'
    )
  return signature


def _output(
  name: str, question: Question, request: PredictRequest, outputs: Any, model: str
) -> np.ndarray:
  """An output of a request.

  Raises:
    ResponseError: it is missing, or is not what the signature promises.
  """
  rows, spec = outputs.get(name), request.signature.outputs.get(name)
  batch = len(request.inputs[question.input])
  if rows is None or spec is None or not checks.fits(rows, spec) or len(rows) != batch:
    got = {key: list(array.shape) for key, array in outputs.items()}
    raise ResponseError(
      f'{model} answered {got} to {batch} rows for {question.signature}, which promises'
      f' {name}. Ask for a model that forgeline exported.'
    )
  return rows
