import gzip
import hashlib
import pathlib
import socket

import pytest

from pipeline import errors
from pipeline.ingest import download
from tests.pipeline.ingest.mirror import mirror

_CONTENT = bytes(range(256)) * 64
_BODY = gzip.compress(_CONTENT)
_NAME = 'data.gz'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
  monkeypatch.setenv('no_proxy', '127.0.0.1')


def _pin(content, **settings):
  digest = hashlib.sha256(content).hexdigest()
  return download.Pin(num_bytes=len(content), sha256=digest, **settings)


def _fetch(folder, *mirrors, pin=_pin(_CONTENT, unpacked=True)):  # noqa: B008 - frozen
  return download.fetch(_NAME, folder, mirrors=mirrors, pin=pin)


def test_downloads_once(tmp_path):
  with mirror(body=_BODY) as (server, url):
    path = _fetch(tmp_path / 'cache', url)
    assert path == _fetch(tmp_path / 'cache', url)
  assert server.requests == ['/data.gz']
  assert gzip.decompress(path.read_bytes()) == _CONTENT
  assert [p.name for p in path.parent.iterdir()] == [_NAME]


def test_any_compression_of_the_content_will_do(tmp_path):
  with mirror(body=gzip.compress(_CONTENT, 1, mtime=5)) as (_, url):
    assert _fetch(tmp_path, url).is_file()


def test_the_file_itself_can_be_pinned(tmp_path):
  with mirror(body=_BODY) as (server, url):
    path = _fetch(tmp_path, url, pin=_pin(_BODY))
    assert path == _fetch(tmp_path, url, pin=_pin(_BODY))
  assert server.requests == ['/data.gz']
  assert path.read_bytes() == _BODY


@pytest.mark.parametrize(
  ('body', 'reason'),
  [
    (gzip.compress(_CONTENT, 1, mtime=5), 'not the published one|larger than'),  # same content
    (_BODY[:-1], 'not the published one'),
    (_BODY[:-1] + b'!', 'not the published one'),
    (_BODY + b'!', 'larger than'),
    (b'', 'not the published one'),
  ],
)
def test_a_pinned_file_is_taken_byte_for_byte(tmp_path, body, reason):
  with mirror(body=body) as (_, url), pytest.raises(errors.DataError, match=reason):
    _fetch(tmp_path, url, pin=_pin(_BODY))
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  ('answer', 'reason'),
  [
    ({'status': 404}, 'HTTP 404'),
    ({'status': 503}, 'HTTP 503'),
    ({'body': gzip.compress(_CONTENT[:-1] + b'!')}, 'not the published one'),
    ({'body': gzip.compress(_CONTENT)[:-9], 'promised': 9999}, 'not the published one'),
    ({'body': gzip.compress(_CONTENT)[:-9]}, 'not the published one'),
    ({'body': b''}, 'not the published one'),
    ({'body': b'<html>Sign in to this network</html>'}, 'not the published one'),
    ({'body': gzip.compress(_CONTENT * 2)}, 'not the published one'),
    ({'body': bytes(1 << 20)}, 'larger than'),
  ],
)
def test_a_bad_answer_leaves_no_file(tmp_path, answer, reason):
  with (
    mirror(**{'body': _BODY} | answer) as (_, url),
    pytest.raises(errors.DataError, match=reason) as caught,
  ):
    _fetch(tmp_path, url)
  assert url in str(caught.value)
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  'answer',
  [
    b'HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n',
    b'HTTP/1.1 302 Found\r\nLocation: http://a..b/\r\n\r\n',
    b'HTTP/1.1 302 Found\r\nLocation: /data.gz\r\n\r\n',  # for ever
    b'HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc',
  ],
)
def test_an_answer_that_makes_no_sense(tmp_path, answer):
  with mirror(raw=answer) as (_, url), pytest.raises(errors.DataError, match=_NAME) as caught:
    _fetch(tmp_path, url)
  assert '\n' not in str(caught.value)
  assert list(tmp_path.iterdir()) == []


def test_a_refused_connection(tmp_path):
  with socket.socket() as unused:
    unused.bind(('127.0.0.1', 0))  # bound and not listening
    url = f'http://127.0.0.1:{unused.getsockname()[1]}'
    with pytest.raises(errors.DataError, match='Connection refused'):
      _fetch(tmp_path, url)


def test_a_silent_server_times_out(tmp_path, monkeypatch):
  monkeypatch.setattr(download, '_TIMEOUT_S', 0.1)
  with (
    socket.create_server(('127.0.0.1', 0)) as silent,
    pytest.raises(errors.DataError, match='timed out'),
  ):
    _fetch(tmp_path, f'http://127.0.0.1:{silent.getsockname()[1]}')
  assert list(tmp_path.iterdir()) == []


def test_a_server_that_drips_is_given_up(tmp_path, monkeypatch):
  monkeypatch.setattr(download, '_TIMEOUT_S', 0.5)
  monkeypatch.setattr(download, '_MIN_BYTES_PER_S', 1_000_000)
  with mirror(body=_BODY) as (server, url):
    server.pause_s = 0.01  # after each byte, as long as there is a reader
    with pytest.raises(errors.DataError, match='slower than 1000 kB/s'):
      _fetch(tmp_path, url)
  assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_tried(tmp_path):
  with mirror(status=500) as (first, bad), mirror(body=_BODY) as (second, good):
    assert _fetch(tmp_path, bad, good).is_file()
  assert len(first.requests) == len(second.requests) == 1


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path):
  (tmp_path / _NAME).write_bytes(gzip.compress(_CONTENT)[:-20])
  (tmp_path / f'.{_NAME}.x.part').write_bytes(b'of a download that was killed')
  with mirror(body=_BODY) as (_, url):
    path = _fetch(tmp_path, url)
  assert gzip.decompress(path.read_bytes()) == _CONTENT


def test_a_cache_that_cannot_be_written(tmp_path):
  (tmp_path / 'file').touch()
  with mirror(body=_BODY) as (_, url), pytest.raises(errors.StorageError, match='--cache_dir'):
    _fetch(tmp_path / 'file' / 'cache', url)


def test_a_full_disk(tmp_path, monkeypatch):
  def refuse(self, target):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'replace', refuse)
  with mirror(body=_BODY) as (_, url), pytest.raises(errors.StorageError, match='No space left'):
    _fetch(tmp_path, url)
  assert list(tmp_path.iterdir()) == []
