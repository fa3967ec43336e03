import json
import multiprocessing
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator

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
from tests.serving.client import small_rest_server
from tests.serving.client.kinds import Awaited
from tests.serving.client.small_rest_server import reply

BOTH = pytest.mark.parametrize('kind', [Client, Awaited])


def failure(status: int, text: str = 'as told') -> bytes:
  return reply(json.dumps({'error': text}).encode(), status)


def make(kind, server: small_rest_server.SmallRestServer, **arguments):
  return kind(server.address, model_name='m', protocol='rest', **arguments)


@BOTH
def test_one_connection_for_all_calls(kind):
  with small_rest_server.serve() as server, make(kind, server) as client:
    for _ in range(5):
      assert client.status()[0].version == 3
  assert server.num_connections == 1
  assert len(server.requests) == 5


@BOTH
@pytest.mark.parametrize('no', [failure(503), reply(b'<html>busy</html>', 503), None])
def test_unavailable_server_is_tried_again(kind, no: bytes | None):
  with small_rest_server.serve(no, no, reply()) as server, make(kind, server) as client:
    assert client.status()
  assert len(server.requests) == 3


@BOTH
@pytest.mark.parametrize('sent', [b'', b'HTTP/1.1 200', reply()[:-1]])
@pytest.mark.parametrize('linger', [(0, 0), (1, 0)], ids=['closed', 'reset'])
def test_answer_that_breaks_off_is_asked_for_again(kind, sent: bytes, linger: tuple[int, int]):
  with small_rest_server.serve() as server, make(kind, server) as client:
    answer = server.answer

    def break_off(connection: socket.socket) -> None:
      server.answer = answer
      with connection:
        connection.recv(65536)
        connection.sendall(sent)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', *linger))

    server.answer = break_off
    assert client.status()[0].version == 3
  assert len(server.requests) == 1


@BOTH
def test_unavailable_server_gets_so_many_attempts(kind):
  retry = Retry(max_attempts=2)
  with (
    small_rest_server.serve(failure(503)) as server,
    make(kind, server, retry=retry) as client,
    pytest.raises(ServerUnavailableError, match='as told'),
  ):
    client.status()
  assert len(server.requests) == 2


@BOTH
@pytest.mark.parametrize(
  ('content', 'error', 'message'),
  [
    (failure(400), InvalidRequestError, 'INVALID_ARGUMENT: as told'),
    (failure(401), AccessError, 'UNAUTHENTICATED'),
    (failure(403), AccessError, 'PERMISSION_DENIED'),
    (failure(404), NotFoundError, 'NOT_FOUND'),
    (failure(429), ServerError, 'RESOURCE_EXHAUSTED'),
    (failure(500), ServerError, 'HTTP status 500'),
    (failure(504), DeadlineError, 'DEADLINE_EXCEEDED'),
    (reply(b'Not Found', 404), ResponseError, 'HTTP status 404'),
    (reply(b'moved', 302), ResponseError, 'HTTP status 302'),
    (reply(b'<html>'), ResponseError, '<html>'),
    (reply(b'{}'), ResponseError, 'not one of TensorFlow Serving'),
    (reply(b'[]'), ResponseError, 'not one of TensorFlow Serving'),
    (reply(b'\xff'), ResponseError, 'not one of TensorFlow Serving'),
    (b'SSH-2.0-OpenSSH\r\n\r\n', ResponseError, 'port of the protocol'),
  ],
)
def test_other_errors_come_at_once(kind, content: bytes, error: type[Exception], message: str):
  with (
    small_rest_server.serve(content) as server,
    make(kind, server) as client,
    pytest.raises(error, match=message) as caught,
  ):
    client.status()
  assert server.address in str(caught.value)
  assert len(server.requests) == 1


@BOTH
def test_reply_that_is_not_whole_ends_with_the_time(kind):
  with small_rest_server.serve(reply()[:-9] + b'\r\n\r\n') as server:
    num_calls = 0
    for timeout_s in (0.5, 5, 50):
      num_calls += 1
      with (
        make(kind, server, timeout_s=timeout_s) as client,
        pytest.raises(DeadlineError, match='longer timeout_s') as caught,
      ):
        client.status()
      if server.requests:  # on a busy machine the first may end before it is sent
        break
  assert server.address in str(caught.value)
  assert 1 <= len(server.requests) <= num_calls


@BOTH
@pytest.mark.parametrize(
  'sent', [b'HTTP/1.1 200 X\r\nSlow: ', b'HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\n']
)
def test_reply_that_comes_by_drops_ends_with_the_time(
  kind, sent: bytes, monkeypatch: pytest.MonkeyPatch
):
  with small_rest_server.serve() as server:
    monkeypatch.setattr(server, 'answer', lambda connection: drip(connection, sent))
    with (
      make(kind, server, timeout_s=0.5) as client,
      pytest.raises(DeadlineError, match='longer timeout_s'),
    ):
      client.status()


def drip(connection: socket.socket, sent: bytes) -> None:
  with connection:
    connection.recv(65536)
    connection.sendall(sent)
    for _ in range(400):  # or until the client has gone
      connection.sendall(b' ')
      time.sleep(0.05)


@BOTH
def test_url_with_a_path(kind):
  with (
    small_rest_server.serve() as server,
    kind(f'http://{server.address}/behind/it', model_name='a/b', protocol='rest') as client,
  ):
    client.status(version=4)
  assert server.requests[0].startswith(b'GET /behind/it/v1/models/a%2Fb/versions/4 HTTP/1.1')


@BOTH
@pytest.mark.parametrize('host', ['localhost', '127.0.0.1'])
def test_no_proxy_stands_before_this_machine(
  kind, host: str, proxies, monkeypatch: pytest.MonkeyPatch
):
  proxies(free_ports(1)[0])
  monkeypatch.setenv('all_proxy', 'socks5://127.0.0.1:1')  # httpx needs a package for these
  with (
    small_rest_server.serve() as server,
    kind(f'{host}:{server.port}', model_name='m', protocol='rest') as client,
  ):
    assert client.status()


@BOTH
def test_a_proxy_stands_before_others(kind, proxies):
  with small_rest_server.serve() as proxy:
    proxies(proxy.port)
    with kind('models.example:8501', model_name='m', protocol='rest') as client:
      assert client.status()
  assert proxy.requests[0].startswith(b'GET http://models.example:8501/v1/models/m HTTP/1.1')


@pytest.mark.parametrize('address', ['localhost:85x0', 'http://[::1'])
def test_no_address(address: str):
  with pytest.raises(InvalidRequestError, match='host:port'):
    Client(address, model_name='m', protocol='rest')


def test_a_forked_process_has_connections_of_its_own():
  with small_rest_server.serve() as server, make(Client, server) as client:
    client.status()
    process = multiprocessing.get_context('fork').Process(target=client.status, daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    client.status()
  assert server.num_connections == 2


@pytest.fixture
def interruptible() -> Iterator[None]:
  """Ctrl-C raises, also where whoever runs the tests has it ignored."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
def test_a_call_that_is_interrupted_is_given_up(monkeypatch: pytest.MonkeyPatch):
  given_up = threading.Event()

  def interrupt(connection: socket.socket) -> None:
    connection.recv(65536)
    os.kill(os.getpid(), signal.SIGINT)
    if not connection.recv(65536):
      given_up.set()

  with small_rest_server.serve() as server, make(Client, server) as client:
    monkeypatch.setattr(server, 'answer', interrupt)
    with pytest.raises(KeyboardInterrupt):
      client.status(timeout_s=600)
    assert given_up.wait(60)
