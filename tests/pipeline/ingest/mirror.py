"""A web server on this machine that stands in for a download mirror."""

import contextlib
import http.server
import threading


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
    self.wfile.write(body)

  def log_message(self, *args):
    pass


@contextlib.contextmanager
def mirror(status=200, body=b'', promised=None, raw=b''):
  """Serves one answer, or `answers` by path; `promised` is a false length of the body.

  `raw` is an answer byte for byte, status line and all.
  """
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler) as server:
    server.behaviour, server.requests = (status, body, promised), []
    server.answers, server.raw = {}, raw
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
      yield server, f'http://127.0.0.1:{server.server_port}'
    finally:
      server.shutdown()
      thread.join()
