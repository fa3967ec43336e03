"""Waiting for a version to answer requests."""

from serving.client.effects import Call, Exchange, Pause
from serving.client.errors import (
  DeadlineError,
  NotFoundError,
  ServerError,
  ServerUnavailableError,
  TlsError,
)
from serving.client.messages import MetadataRequest, ModelSpec, StatusRequest
from serving.client.retries import Exchanger

_MAX_ATTEMPT_S = 5.0  # a server that hangs may have come back


def wait_until_available(exchanger: Exchanger, spec: ModelSpec, timeout_s: float) -> Call[None]:
  """Asks until the version answers requests.

  Raises:
    DeadlineError: it does not within `timeout_s`.
    ServerError: the version that `spec` asks for could not be loaded.
    TlsError: waiting would not help.
  """
  deadline_s = exchanger.clock() + timeout_s
  for pause_s in exchanger.retry.pauses_s(exchanger.rng):
    cause = None
    try:
      reason = yield from _what_is_missing(exchanger, spec, deadline_s)
    except TlsError:
      raise
    except (ServerUnavailableError, NotFoundError, DeadlineError) as error:
      reason, cause = str(error), error
    if not reason:
      return
    if exchanger.clock() + pause_s >= deadline_s:
      raise DeadlineError(
        f'{spec} ({exchanger.address}) was not available within {timeout_s:g} s.'
        f' The last answer: {reason}'
      ) from cause
    yield Pause(pause_s)


def _what_is_missing(exchanger: Exchanger, spec: ModelSpec, deadline_s: float) -> Call[str]:
  """Empty if nothing is."""
  timeout_s = min(max(deadline_s - exchanger.clock(), 0.001), _MAX_ATTEMPT_S)
  if spec.version_label is not None:  # TensorFlow Serving's status does not look at labels
    yield Exchange(MetadataRequest(spec=spec), timeout_s)
    return ''
  statuses = yield Exchange(StatusRequest(spec=spec), timeout_s)
  for status in statuses:
    if status.state == 'AVAILABLE':
      return ''
    if status.version == spec.version and status.state == 'END' and status.error:
      raise ServerError(
        f'{spec} ({exchanger.address}) could not be loaded: {status.error}'
        ' Push a version that can be.'
      )
  states = (f'version {s.version} is {s.state} {s.error}'.rstrip() for s in statuses)
  return ', '.join(states) or 'the server knows no version'
