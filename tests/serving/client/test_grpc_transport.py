import contextlib

import grpc
import numpy as np
import pytest

from serving.client import (
  AccessError,
  Client,
  DeadlineError,
  InvalidRequestError,
  NotFoundError,
  ResponseError,
  ServerError,
  ServerUnavailableError,
)
from serving.client.retries import Retry
from serving.server.ports import free_ports
from tests.serving.client import small_rest_server, small_server
from tests.serving.client.kinds import Awaited

Code = grpc.StatusCode
BOTH = pytest.mark.parametrize('kind', [Client, Awaited])


@BOTH
def test_one_connection_for_all_calls(kind):
  with small_server.serve() as server, kind(server.address, model_name='m') as client:
    for _ in range(5):
      client.status()
  assert len(server.peers) == 5
  assert len(set(server.peers)) == 1


@BOTH
def test_unavailable_server_is_tried_again(kind):
  failures = [Code.UNAVAILABLE] * 3
  with (
    small_server.serve(failures=failures) as server,
    kind(server.address, model_name='m') as client,
  ):
    assert client.status()[0].version == 3
  assert len(server.peers) == 4


@BOTH
@pytest.mark.parametrize(
  ('code', 'error'),
  [
    (Code.INVALID_ARGUMENT, InvalidRequestError),
    (Code.FAILED_PRECONDITION, InvalidRequestError),
    (Code.NOT_FOUND, NotFoundError),
    (Code.DEADLINE_EXCEEDED, DeadlineError),
    (Code.UNAUTHENTICATED, AccessError),
    (Code.UNIMPLEMENTED, ResponseError),
    (Code.INTERNAL, ServerError),
    (Code.RESOURCE_EXHAUSTED, ServerError),
    (Code.ABORTED, ServerError),
  ],
)
def test_other_errors_come_at_once(kind, code: Code, error: type[Exception]):
  with (
    small_server.serve(failures=[code]) as server,
    kind(server.address, model_name='m') as client,
    pytest.raises(error, match=rf'{server.address}: {code.name}: as told\. .*\.$'),
  ):
    client.status()
  assert len(server.peers) == 1


@BOTH
def test_messages_beyond_grpcs_limit(kind):
  count = 1_100_000  # 4.4 MB each way; the limit is 4 MiB
  images = np.full([count, 1, 1, 1], 0.25, np.float32)
  with (
    small_server.serve(image_size=1) as server,
    kind(server.address, model_name='m', max_batch_size=count) as client,
  ):
    np.testing.assert_array_equal(client.score(images), images[:, 0, 0, 0])


@BOTH
def test_server_that_goes_and_comes_back(kind):
  retry = Retry(max_attempts=1)
  (port,) = free_ports(1)
  with contextlib.ExitStack() as server:
    server.enter_context(small_server.serve(port=port))
    with kind(f'localhost:{port}', model_name='m', retry=retry) as client:
      client.status()
      server.close()
      with pytest.raises(ServerUnavailableError):
        client.status()
      with small_server.serve(port=port):
        client.wait_until_available(60)
        assert client.status()


@BOTH
@pytest.mark.parametrize('host', ['localhost', '127.0.0.1', 'ipv4:127.0.0.1', 'dns:///localhost'])
def test_no_proxy_stands_before_this_machine(kind, host: str, proxies):
  proxies(free_ports(1)[0])
  with (
    small_server.serve() as server,
    kind(f'{host}:{server.port}', model_name='m') as client,
  ):
    assert client.status()


@BOTH
def test_a_proxy_stands_before_others(kind, proxies):
  retry = Retry(max_attempts=1)
  with small_rest_server.serve(None) as proxy:
    proxies(proxy.port)
    with (
      kind('models.example:8500', model_name='m', retry=retry) as client,
      pytest.raises(ServerUnavailableError),
    ):
      client.status()
  assert proxy.requests[0].startswith(b'CONNECT models.example:8500 HTTP/1.')
