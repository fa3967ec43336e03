"""What can go wrong with a request, as gRPC and as HTTP name it."""

import grpc

Code = grpc.StatusCode

HTTP_STATUS = {
  Code.INVALID_ARGUMENT: 400,
  Code.FAILED_PRECONDITION: 400,
  Code.OUT_OF_RANGE: 400,
  Code.UNAUTHENTICATED: 401,
  Code.PERMISSION_DENIED: 403,
  Code.NOT_FOUND: 404,
  Code.ALREADY_EXISTS: 409,
  Code.ABORTED: 409,
  Code.RESOURCE_EXHAUSTED: 429,
  Code.CANCELLED: 499,
  Code.UNKNOWN: 500,
  Code.INTERNAL: 500,
  Code.DATA_LOSS: 500,
  Code.UNIMPLEMENTED: 501,
  Code.UNAVAILABLE: 503,
  Code.DEADLINE_EXCEEDED: 504,
}

_BY_NUMBER = {code.value[0]: code for code in Code}  # TensorFlow counts as gRPC does
_MAX_GRPC_TEXT = 1024


class ServingError(Exception):
  """An answer that is an error; `str()` prints it as TensorFlow prints a status."""

  def __init__(self, code: grpc.StatusCode, message: str) -> None:
    super().__init__(f'{code.name}: {message}')
    self.code, self.message = code, message

  @property
  def grpc_text(self) -> str:
    """The message as TF Serving cuts it for gRPC, in valid UTF-8."""
    text = self.message.encode('utf-8', 'replace').decode('utf-8')
    return text if len(text) <= _MAX_GRPC_TEXT else f'{text[:_MAX_GRPC_TEXT]}...TRUNCATED'


def invalid(message: str) -> ServingError:
  """The client's mistake."""
  return ServingError(Code.INVALID_ARGUMENT, message)


def from_number(code: int, message: str) -> ServingError:
  """An error with a numeric code, as `tf.errors.OpError` carries it."""
  return ServingError(_BY_NUMBER.get(code, Code.UNKNOWN), message)
