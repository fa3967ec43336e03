"""An HTTP server in this process that sends what it is told, byte for byte."""

import contextlib
import dataclasses
import json
import socket
import ssl
import threading
from collections.abc import Iterator

STATUS = json.dumps(
  {'model_version_status': [{'version': '3', 'state': 'AVAILABLE', 'status': {}}]}
).encode()


def reply(body: bytes = STATUS, status: int = 200) -> bytes:
  return b'HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b' % (status, len(body), body)


@dataclasses.dataclass
class SmallRestServer:
  """Sends one reply after the other; None closes the connection, and the last one is repeated."""

  replies: list[bytes | None]
  port: int = 0
  num_connections: int = 0
  requests: list[bytes] = dataclasses.field(default_factory=list)

  @property
  def address(self) -> str:
    return f'localhost:{self.port}'

  def answer(self, connection: socket.socket) -> None:
    """Reads requests without bodies and answers them until the client goes."""
    with contextlib.suppress(OSError), connection:
      self.num_connections += 1
      while request := connection.recv(65536):
        self.requests.append(request)
        content = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if content is None:
          return
        connection.sendall(content)


@contextlib.contextmanager
def serve(
  *replies: bytes | None, context: ssl.SSLContext | None = None
) -> Iterator[SmallRestServer]:
  with socket.create_server(('localhost', 0)) as listener:
    server = SmallRestServer(list(replies) or [reply()], listener.getsockname()[1])

    def accept() -> None:
      with contextlib.suppress(OSError):
        while True:
          connection, _ = listener.accept()
          connection.settimeout(30)
          threading.Thread(target=talk, args=[connection]).start()

    def talk(connection: socket.socket) -> None:
      with contextlib.suppress(OSError):
        server.answer(_trusted(connection, context) if context else connection)
      connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
      yield server
    finally:
      listener.shutdown(socket.SHUT_RDWR)
      thread.join(30)


def _trusted(connection: socket.socket, context: ssl.SSLContext) -> socket.socket:
  """The connection after TLS's handshake."""
  wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
  try:
    wrapped.do_handshake()
  except OSError:
    with (
      wrapped
    ):  # a connection that is closed with bytes unread is reset: the reason would be lost
      wrapped.shutdown(socket.SHUT_WR)
      while wrapped.recv(65536):
        pass
    raise
  return wrapped
