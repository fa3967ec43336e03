"""What can go wrong with a call. Every message says what, where (the address) and how to mend it.

ClientError
  InvalidRequestError      the request can't be answered as it is; also a ValueError
    LabelError             a label that the model does not have, or one too many or missing
    ShapeError             an array of another shape, type or range than the model takes
  NotFoundError            the server has no such model, version, version label or signature
  ServerUnavailableError   no connection, or the server takes no requests now; was tried again
    TlsError               the two ends do not trust each other; not tried again
  DeadlineError            no answer in time; also a TimeoutError
  AccessError              the server refuses this client
  ServerError              the server failed
  ResponseError            an answer that is not what TensorFlow Serving answers
"""


class ClientError(Exception):
  """Base of all; `exit_code` is that of the command line."""

  exit_code = 1


class InvalidRequestError(ClientError, ValueError):
  """A request that can't be answered as it is."""

  exit_code = 2


class LabelError(InvalidRequestError):
  """A label that the model does not have, or one too many or missing."""


class ShapeError(InvalidRequestError):
  """An array of another shape, type or range than the model takes."""


class NotFoundError(ClientError):
  """The server has no such model, version, version label or signature."""

  exit_code = 3


class ServerUnavailableError(ClientError):
  """No connection, or a server that takes no requests now."""

  exit_code = 4


class TlsError(ServerUnavailableError):
  """The two ends do not trust each other."""


class DeadlineError(ClientError, TimeoutError):
  """No answer in time."""

  exit_code = 5


class AccessError(ClientError):
  """The server refuses this client."""

  exit_code = 7


class ServerError(ClientError):
  """The server failed."""

  exit_code = 7


class ResponseError(ClientError):
  """An answer that is not what TensorFlow Serving answers."""

  exit_code = 7


# A request for something that is not there, which TensorFlow Serving answers like a malformed one.
_NOT_FOUND_TEXTS = (
  'Unrecognized servable version label',
  'Serving signature key',
  'Serving signature name',
)
# As OpenSSL, BoringSSL and gRPC put it.
_TLS_TEXTS = (
  '[SSL',
  'handshake failed',
  'Hostname Verification Check failed',
)


def from_status(code: str, text: str, address: str) -> ClientError:
  """The error for a gRPC status that is not OK.

  Args:
    code: its name, such as 'NOT_FOUND'.
    text: what the server said.
    address: the server's.
  """
  if any(known in text for known in _NOT_FOUND_TEXTS):
    code = 'NOT_FOUND'
  elif code == 'UNAVAILABLE' and any(known in text for known in _TLS_TEXTS):
    return TlsError(
      f'{address}: no trusted connection: {text}. Check ca_cert, client_cert and client_key, the'
      ' name in the certificate, and whether this port speaks TLS.'
    )
  kind, mend = _KINDS.get(code, _SERVER_ERROR)
  return kind(f'{address}: {code}: {text.rstrip(".")}. {mend}')


_INVALID = (InvalidRequestError, 'Compare the inputs with metadata().')
_SERVER_ERROR = (ServerError, "The server's log has the details.")
_KINDS: dict[str, tuple[type[ClientError], str]] = {
  'INVALID_ARGUMENT': _INVALID,
  'FAILED_PRECONDITION': _INVALID,
  'OUT_OF_RANGE': _INVALID,
  'NOT_FOUND': (NotFoundError, 'status() lists the versions that the server has.'),
  'UNAVAILABLE': (
    ServerUnavailableError,
    'Check the address, the port of the protocol and that the server runs;'
    ' wait_until_available() waits for it.',
  ),
  'DEADLINE_EXCEEDED': (DeadlineError, 'Ask for fewer images at once, or give a longer timeout_s.'),
  'UNAUTHENTICATED': (AccessError, 'Ask those who run the server.'),
  'PERMISSION_DENIED': (AccessError, 'Ask those who run the server.'),
  'UNIMPLEMENTED': (
    ResponseError,
    'Check that this is TensorFlow Serving, and the port of the protocol.',
  ),
}
