import os
import re
import time

import pytest
import tensorflow as tf

from pipeline.train import checkpoint_list


@pytest.fixture
def saved(tmp_path):
  """Has the checkpoints ckpt-1 and ckpt-2 of a number."""
  saver = manager(tmp_path)
  for number in (1, 2):
    save(saver, number, at_s=number)
  return saver


def save(saver, number, at_s):
  """Saves a checkpoint at a time of its own; some clocks of files tick no oftener than in 10 ms."""
  path = saver.save(checkpoint_number=number)
  os.utime(f'{path}.index', (at_s, at_s))


def manager(folder):
  checkpoint = tf.train.Checkpoint(number=tf.Variable(1.0))
  return tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2)


def names(folder):
  """What TensorFlow takes from the list, oldest first."""
  return [path.removeprefix(f'{folder}/') for path in manager(folder).checkpoints]


def test_a_list_that_is_whole_stays_as_it_is(saved, tmp_path):
  before = (tmp_path / 'checkpoint').read_bytes()
  assert not checkpoint_list.mend(tmp_path)
  assert (tmp_path / 'checkpoint').read_bytes() == before


@pytest.mark.parametrize(
  'content',
  [
    b'',
    b'\0\xff',
    b'{"no": "list"}',
    b'model_checkpoint_path: "ckpt-2"\n',
    b'model_checkpoint_path: "ckpt-2"\nall_model_checkpoint_paths: "ckpt-1"\n',
    b'model_checkpoint_path: "ckpt-1"\nall_model_checkpoint_paths: "ckpt-1"\n',
    None,
  ],
)
def test_a_list_that_can_not_be_read_is_made_anew(saved, tmp_path, content):
  if content is None:
    (tmp_path / 'checkpoint').unlink()
  else:
    (tmp_path / 'checkpoint').write_bytes(content)
  assert checkpoint_list.mend(tmp_path)
  assert names(tmp_path) == ['ckpt-1', 'ckpt-2']


def test_what_it_is_made_of_is_in_order_of_age(saved, tmp_path):
  save(saved, 1, at_s=3)  # as after training went back
  (tmp_path / 'checkpoint').write_bytes(b'')
  assert checkpoint_list.mend(tmp_path)
  assert names(tmp_path) == ['ckpt-2', 'ckpt-1']


@pytest.mark.parametrize('wrong', ['last_preserved_timestamp', r'last_preserved_timestamp|stamps'])
def test_a_clock_that_goes_backwards_loses_no_checkpoint(saved, tmp_path, wrong):
  path = tmp_path / 'checkpoint'
  path.write_text(re.sub(rf'({wrong}): \S+', rf'\1: {time.time() + 3600}', path.read_text()))
  assert names(tmp_path) == []  # by TensorFlow alone
  assert not checkpoint_list.mend(tmp_path)
  assert names(tmp_path) == ['ckpt-1', 'ckpt-2']


def test_a_first_checkpoint_that_was_not_finished_counts_for_nothing(tmp_path):
  assert not checkpoint_list.mend(tmp_path)
  (tmp_path / 'ckpt-1.index').write_bytes(b'torn')
  assert not checkpoint_list.mend(tmp_path)
  assert names(tmp_path) == []
