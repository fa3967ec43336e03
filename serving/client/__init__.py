"""A client for the generator on TensorFlow Serving or on the embedded server.

  with Client('localhost:8500', model_name='digits') as client:
    sevens = client.generate(count=16, labels=7)

It imports neither TensorFlow nor its protos. The way of a call: `clients` (blocking or not) runs
`calls` (what to ask) -> `predictions` (the checks) -> `retries` -> a transport (a protocol each).
"""

from serving.client.calls import Anomalies
from serving.client.clients import AsyncClient, Client
from serving.client.errors import (
  AccessError,
  ClientError,
  DeadlineError,
  InvalidRequestError,
  LabelError,
  NotFoundError,
  ResponseError,
  ServerError,
  ServerUnavailableError,
  ShapeError,
  TlsError,
)
from serving.client.messages import Metadata, Signature, TensorSpec, VersionStatus
from serving.client.retries import Retry
from serving.client.tls import Tls

__all__ = [
  'AccessError',
  'Anomalies',
  'AsyncClient',
  'Client',
  'ClientError',
  'DeadlineError',
  'InvalidRequestError',
  'LabelError',
  'Metadata',
  'NotFoundError',
  'ResponseError',
  'Retry',
  'ServerError',
  'ServerUnavailableError',
  'ShapeError',
  'Signature',
  'TensorSpec',
  'Tls',
  'TlsError',
  'VersionStatus',
]
