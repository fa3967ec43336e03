"""A web server on this machine that stands in for a download mirror."""

import contextlib
import http.server
import threading
import time


class _Handler(http.server.BaseHTTPRequestHandler):
  """Answers as the server's `behaviour` says, under any path."""

  def do_GET(self):
    self.server.requests.append(self.path)
    if self.server.raw:
      self.wfile.write(self.server.raw)
      return
    status, body, promised = self.server.behaviour
    body = self.server.answers.get(self.path, body)
    self.send_response(status)
    self.send_header('Content-Length', str(len(body) if promised is None else promised))
    self.end_headers()
    if not self.server.pause_s:
      self.wfile.write(body)
      return
    with contextlib.suppress(ConnectionError):  # the reader gave up
      for byte in body:
        self.wfile.write(bytes([byte]))
        time.sleep(self.server.pause_s)

  def log_message(self, *args):
    pass


@contextlib.contextmanager
def mirror(status=200, body=b'', promised=None, raw=b''):
  """Serves one answer, or `answers` by path; `promised` is a false length of the body.

  `raw` is an answer byte for byte, status line and all. After each byte of a body comes a pause of
  `server.pause_s`.
  """
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler) as server:
    server.behaviour, server.requests = (status, body, promised), []
    server.answers, server.raw, server.pause_s = {}, raw, 0
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
      yield server, f'http://127.0.0.1:{server.server_port}'
    finally:
      server.shutdown()
      thread.join()
