from serving.server.errors import HTTP_STATUS


def test_http_has_tf_servings_status_for_each_code():
  assert {code.name: status for code, status in HTTP_STATUS.items()} == {
    'INVALID_ARGUMENT': 400,
    'FAILED_PRECONDITION': 400,
    'OUT_OF_RANGE': 400,
    'UNAUTHENTICATED': 401,
    'PERMISSION_DENIED': 403,
    'NOT_FOUND': 404,
    'ALREADY_EXISTS': 409,
    'ABORTED': 409,
    'RESOURCE_EXHAUSTED': 429,
    'CANCELLED': 499,
    'UNKNOWN': 500,
    'INTERNAL': 500,
    'DATA_LOSS': 500,
    'UNIMPLEMENTED': 501,
    'UNAVAILABLE': 503,
    'DEADLINE_EXCEEDED': 504,
  }
