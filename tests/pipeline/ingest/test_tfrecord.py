import hashlib

import pytest
import tensorflow as tf

from pipeline.ingest import tfrecord

_RECORDS = [b'', b'one', bytes(range(256)) * 40]


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
