import gzip
import hashlib
import struct

import pytest
import tensorflow as tf

from pipeline.ingest import tfrecord

_RECORDS = [b'', b'one', bytes(range(256)) * 40]


@pytest.fixture
def file(tmp_path):
  tfrecord.write_tfrecord(tmp_path / 'shard', _RECORDS)
  return tmp_path / 'shard'


def test_is_what_tensorflow_writes(tmp_path):
  digest = tfrecord.write_tfrecord(tmp_path / 'ours', _RECORDS)
  with tf.io.TFRecordWriter(str(tmp_path / 'theirs')) as writer:
    for record in _RECORDS:
      writer.write(record)
  written = (tmp_path / 'ours').read_bytes()
  assert written == (tmp_path / 'theirs').read_bytes()
  assert digest == hashlib.sha256(written).hexdigest()


def test_a_failure_leaves_nothing(tmp_path):
  def records():
    yield b'one'
    raise OSError('disk')

  with pytest.raises(OSError, match='disk'):
    tfrecord.write_tfrecord(tmp_path / 'shard', records())
  assert list(tmp_path.iterdir()) == []


def test_reads_what_was_written(file):
  records = list(tfrecord.read_tfrecord(file))
  assert [record.content for record in records] == _RECORDS
  assert all(record.is_whole for record in records)
  for i, record in enumerate(records):
    (again,) = tfrecord.read_tfrecord(file, record.offset, 1)
    assert again.content == _RECORDS[i]
  assert list(tfrecord.read_tfrecord(file, file.stat().st_size)) == []


def test_a_damaged_record_is_told_from_its_neighbours(file):
  data = bytearray(file.read_bytes())
  data[-100] ^= 1
  file.write_bytes(data)
  assert [record.is_whole for record in tfrecord.read_tfrecord(file)] == [True, True, False]


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (lambda data: data[:-1], 'ends inside the record of 10240 bytes at byte 35'),
    (lambda data: data[:40], 'ends inside the record at byte 35'),
    (lambda data: b'\x01' + data[1:], 'wrong checksum of the length at byte 0'),
    (lambda data: gzip.compress(data), 'wrong checksum of the length at byte 0'),
    (lambda data: b'words', 'ends inside the record at byte 0'),
    (lambda data: _promise(1 << 60), 'ends inside the record of 1152921504606846976 bytes'),
  ],
)
def test_broken_framing(file, change, message):
  file.write_bytes(change(file.read_bytes()))
  with pytest.raises(tfrecord.FramingError, match=message):
    list(tfrecord.read_tfrecord(file))


def test_more_records_than_there_are(file):
  with pytest.raises(tfrecord.FramingError, match='ends inside'):
    list(tfrecord.read_tfrecord(file, 0, 4))


def _promise(length):
  header = struct.pack('<Q', length)
  return header + tfrecord._masked_crc(header) + bytes(99)
