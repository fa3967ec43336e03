import gzip
import io
import tarfile

import pytest

from pipeline import errors
from pipeline.ingest import archive


def _pack(path, members, extra=()):
  """A .tar.gz of contents by name, and of TarInfos."""
  with tarfile.open(path, 'w:gz') as tar:
    for info in extra:
      tar.addfile(info)
    for name, data in members.items():
      info = tarfile.TarInfo(name)
      info.size = len(data)
      tar.addfile(info, io.BytesIO(data))


def _link(name, target, kind=tarfile.SYMTYPE):
  info = tarfile.TarInfo(name)
  info.type, info.linkname = kind, target
  return info


def test_reads_by_exact_name_and_writes_nothing(tmp_path):
  path = tmp_path / 'a.tar.gz'
  _pack(path, {'d/a': b'one', 'd/b': b'two' * 999, 'a': b'other', '../d/c': b'out', './d/e': b''})
  assert archive.read_members(path, ['d/b', 'd/a']) == {'d/a': b'one', 'd/b': b'two' * 999}
  assert archive.read_members(path, ['d/e']) == {'d/e': b''}
  assert [p.name for p in tmp_path.iterdir()] == ['a.tar.gz']


@pytest.mark.parametrize('kind', [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_no_files(tmp_path, kind):
  _pack(tmp_path / 'a.tar.gz', {'x': b'1'}, [_link('d/a', '/etc/passwd', kind)])
  with pytest.raises(errors.DataError, match='has no d/a'):
    archive.read_members(tmp_path / 'a.tar.gz', ['d/a'])


def _truncate(path):
  _pack(path, {'d/a': bytes(5000)})
  path.write_bytes(path.read_bytes()[:-30])


def _cut_tar(path):
  _pack(path, {'d/a': bytes(5000)})
  path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:3000]))


@pytest.mark.parametrize(
  ('fill', 'message'),
  [
    (lambda p: None, 'could not be read: No such file'),
    (lambda p: p.mkdir(), 'could not be read: Is a directory'),
    (lambda p: p.touch(), 'is no whole .tar.gz'),
    (lambda p: p.write_bytes(b'words'), 'is no whole .tar.gz file .*Not a gzipped'),
    (lambda p: p.write_bytes(gzip.compress(b'words' * 999)), 'is no whole .tar.gz'),
    (_truncate, 'is no whole .tar.gz'),
    (_cut_tar, 'is no whole .tar.gz'),
    (lambda p: _pack(p, {'d/b': b'1'}), 'has no d/a'),
    (lambda p: _pack(p, {'d/a': bytes(60_000)}), 'has 60000 bytes in d/a'),
    (lambda p: _pack(p, {'x': bytes(300_000), 'd/a': b''}), 'unpacks to more than 200000 bytes'),
  ],
)
def test_bad_archives_are_one_clear_line(tmp_path, monkeypatch, fill, message):
  monkeypatch.setattr(archive, '_MAX_MEMBER_BYTES', 50_000)
  monkeypatch.setattr(archive, '_MAX_ARCHIVE_BYTES', 200_000)
  path = tmp_path / 'a.tar.gz'
  fill(path)
  with pytest.raises(errors.DataError, match=message) as caught:
    archive.read_members(path, ['d/a'])
  assert '\n' not in str(caught.value)
  assert str(path) in str(caught.value)
