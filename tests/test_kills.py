"""`kill -9` again and again: the run must end as if nothing had happened, to the bit.

TensorFlow is imported once, by a server that forks the processes which are killed.
"""

import json
import multiprocessing
import os
import pathlib
import random
import signal
import time

import pytest
import tensorflow as tf

from pipeline import run
from tests import frozen

NUM_KILLS, NUM_STEPS = 20, 960  # many more steps than are made between the kills
LONGEST_S = 600  # for a process to come to what is waited for
COMMAND = (
  '--stages=ingest,train',
  '--image_size=8',
  '--network=mlp',
  '--latent_size=8',
  '--r1_gamma=0',
  '--batch_size=8',
  f'--train_steps={NUM_STEPS}',
  '--log_every_steps=7',
  '--snapshot_every_steps=48',
  '--precision=float32',
  '--xla=off',
)
EVERY_STEP = '--checkpoint_every_s=0'
OF_A_CLOCK = ('time_s', 'steps_per_s')
SERVER = multiprocessing.get_context('forkserver')
SERVER.set_forkserver_preload(['pipeline.run', 'pipeline.ingest.stage', 'pipeline.train.stage'])


def start(folder, *flags, place=()):
  process = SERVER.Process(target=main, args=(folder, [*COMMAND, *flags], place))
  process.start()
  return process


def main(folder, flags, place):
  with (folder / 'output').open('a') as output:
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
  if place:
    frozen.freeze(*place)
  os._exit(run.main([f'--run_dir={folder}/run', *flags]))


def finish(folder, *flags):
  process = start(folder, *flags)
  process.join(timeout=LONGEST_S)
  assert process.exitcode == 0, (folder / 'output').read_text()


def checkpoints(folder):
  return folder / 'run/.train.partial/checkpoints'


def is_writing(folder):
  """Whether a checkpoint is half written; a folder that TensorFlow merges it from gives it away."""
  return any(name.endswith('_temp') for name in os.listdir(checkpoints(folder)))  # noqa: PTH208


def last_write(folder):
  index = checkpoints(folder) / 'checkpoint'
  return index.stat().st_mtime_ns if index.is_file() else None


def await_checkpoints(process, folder, number):
  """Waits until a process has written some checkpoints, the first of a run included."""
  deadline_s, written, seen = time.monotonic() + LONGEST_S, 0, None
  while written < number:
    assert process.is_alive(), (folder / 'output').read_text()
    assert time.monotonic() < deadline_s
    changed = last_write(folder)
    written, seen = written + (changed != seen), changed
    time.sleep(0.001)


def await_start(folder, seconds):
  """Waits that long, or until a process writes its first checkpoint."""
  deadline_s, before = time.monotonic() + seconds, last_write(folder)
  while time.monotonic() < deadline_s and last_write(folder) == before:
    time.sleep(0.001)


def stop_while(is_so, process, folder):
  """Stops a process in the midst of what `is_so(folder)` sees."""
  deadline_s = time.monotonic() + LONGEST_S
  while process.is_alive() and time.monotonic() < deadline_s:
    if is_so(folder):
      os.kill(process.pid, signal.SIGSTOP)
      while 'State:\tT' not in pathlib.Path(f'/proc/{process.pid}/status').read_text():
        time.sleep(0.001)
      if is_so(folder):
        return
      os.kill(process.pid, signal.SIGCONT)
  raise AssertionError(f'{is_so.__name__} was never so; {(folder / "output").read_text()}')


def kill_somewhere(process, folder, chance):
  """Kills a run as it starts, between two checkpoints or while one is written: returns which."""
  moment = chance.choice(('start', 'between', 'writing'))
  if moment == 'start':
    await_start(folder, chance.uniform(0, 4))
  else:
    await_checkpoints(process, folder, chance.randrange(2, 4))
    if moment == 'writing':
      stop_while(is_writing, process, folder)
    else:
      process.join(timeout=chance.uniform(0, 0.2))
  process.kill()
  process.join()
  assert process.exitcode == -signal.SIGKILL, (folder / 'output').read_text()
  return moment


def records(train):
  lines = [json.loads(line) for line in (train / 'metrics.jsonl').read_text().splitlines()]
  return [{k: v for k, v in line.items() if k not in OF_A_CLOCK} for line in lines]


def assert_same_training(train, expected):
  assert records(train) == records(expected)
  for folder in ('snapshots', 'samples'):
    names = sorted(path.name for path in (expected / folder).iterdir())
    assert sorted(path.name for path in (train / folder).iterdir()) == names
    for name in names:
      assert (train / folder / name).read_bytes() == (expected / folder / name).read_bytes(), name
  assert len([*(train / 'checkpoints').iterdir()]) == 6  # choices, index, two pairs: nothing torn


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a busy machine starts twenty processes slowly
def test_twenty_kills_change_no_bit(tmp_path):
  whole, killed, chance, moments = tmp_path / 'whole', tmp_path / 'killed', random.Random(0), []
  for folder in (whole, killed):
    folder.mkdir()
  finish(whole, '--deterministic')
  finish(killed, '--deterministic', '--stages=ingest')
  for _ in range(NUM_KILLS):
    process = start(killed, '--deterministic', EVERY_STEP)
    moments.append(kill_somewhere(process, killed, chance))
  finish(killed, '--deterministic')
  assert {'start', 'between', 'writing'} <= set(moments)
  output = (killed / 'output').read_text()
  assert output.count('goes on from step') > NUM_KILLS // 2
  assert 'can not be read' not in output
  assert_same_training(killed / 'run/train', whole / 'run/train')


@pytest.mark.slow
def test_a_kill_while_the_training_is_committed_loses_nothing(tmp_path):
  # The manifest is written, all files are durable; the last is the folder, before it is renamed.
  place = ('pipeline.artifacts:_sync', 1, 0.0, '/.train.partial')
  process = start(tmp_path, '--deterministic', place=place)
  frozen.await_stop(process)
  assert (tmp_path / 'run/.train.partial/MANIFEST.json').is_file()
  process.kill()
  process.join()
  finish(tmp_path, '--deterministic')
  assert f'goes on from step {NUM_STEPS}' in (tmp_path / 'output').read_text()
  assert not (tmp_path / 'run/superseded').exists()


def has_lines(path, number):
  return len(path.read_text().splitlines()) >= number


@pytest.mark.slow
def test_a_kill_loses_no_more_than_the_time_between_checkpoints(tmp_path):
  # More steps than it can make before this process, on a busy machine, looks again.
  process = start(tmp_path, EVERY_STEP, '--log_every_steps=1', '--train_steps=2000')
  metrics = tmp_path / 'run/.train.partial/metrics.jsonl'
  await_checkpoints(process, tmp_path, 2)
  while process.is_alive() and not (metrics.exists() and has_lines(metrics, 40)):
    time.sleep(0.001)
  process.kill()
  process.join()
  recorded = json.loads(metrics.read_text().splitlines()[-1])['step']
  saved = tf.train.load_checkpoint(str(checkpoints(tmp_path)))
  lost = recorded - saved.get_tensor('step/.ATTRIBUTES/VARIABLE_VALUE')
  assert 40 <= recorded < 2000
  assert 0 <= lost <= 1  # the step that it had just made
