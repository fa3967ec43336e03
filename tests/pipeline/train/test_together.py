"""Functions that run in step in processes of their own: real processes, real signals."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from multiprocessing.connection import wait

import pytest

from pipeline import errors
from pipeline.train import together
from tests.pipeline.train.clusters import in_step, members, met

MINUTE = 1200  # twentieths of a second


def ends(path):
  path.write_text(str(os.getpid()))


def fails(path):
  assert reached(path.with_name('0'))
  raise errors.StorageError('the disk is full')


def breaks(_):
  raise ZeroDivisionError('a defect')


def aborts(_):
  os.abort()


def waits(path):
  path.write_text(str(os.getpid()))
  time.sleep(120)


def heeds_signals(path):
  signal.signal(signal.SIGTERM, lambda *_: path.with_suffix('.stop').touch())
  ends(path)
  for _ in range(MINUTE):
    if any(path.parent.glob('*.stop')):
      raise errors.Interrupted('stopped at step 7')
    time.sleep(0.05)


def run(functions, folder):
  """Runs a function for each member; gives what each raised."""

  def take_part(member, function):
    with met(member) as peers:
      together.run(peers, function, (folder / str(member.index),))

  pairs = zip(members(len(functions)), functions, strict=True)
  return in_step([lambda pair=pair: take_part(*pair) for pair in pairs])


def is_running(pid):
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  return True


def gone(path):
  """Whether the process that wrote its number into a file ends within a minute."""
  pid = int(path.read_text())
  for _ in range(MINUTE):
    if not is_running(pid):
      return True
    time.sleep(0.05)
  return False


@pytest.mark.timeout(240)
def test_all_end_well_and_leave_no_process(tmp_path, monkeypatch):
  monkeypatch.setattr(together, '_ALL_ENDED_S', 3600.0)  # they tell each other, and do not wait
  assert run([ends, ends], tmp_path) == [None, None]
  assert gone(tmp_path / '0')
  assert gone(tmp_path / '1')


@pytest.mark.parametrize(
  ('failing', 'kinds', 'own', 'told'),
  [
    (fails, [errors.StorageError] * 2, 'the disk is full', 'ended: the disk is full'),
    (
      breaks,
      [errors.TrainingError, RuntimeError],
      'ZeroDivisionError: a defect',
      'ended: in the training process',
    ),
    (aborts, [errors.TrainingError] * 2, 'died with exit code -6', 'died with exit code -6'),
  ],
)
def test_one_that_fails_ends_all(tmp_path, failing, kinds, own, told):
  survivor, failed = outcomes = run([waits, failing], tmp_path)
  assert [type(each) for each in outcomes] == kinds
  assert own in str(failed)
  assert 'worker 1 of 2' in str(survivor)
  assert told in str(survivor)
  assert gone(tmp_path / '0')


def parent(member, function, path):
  """Another process that runs a function of this module as a member; it exits as a run does."""
  text = (
    'import pathlib, sys\n'
    'from pipeline import errors\n'
    'from pipeline.train import together\n'
    'from pipeline.train.cluster import Member\n'
    f'from {__name__} import *\n'
    'if __name__ == "__main__":\n'
    '  try:\n'
    f'    with met({member}) as peers:\n'
    f'      together.run(peers, {function.__name__}, (pathlib.Path({str(path)!r}),))\n'
    '  except errors.ForgelineError as error:\n'
    '    sys.exit(error.exit_code)\n'
  )
  script = path.with_suffix('.py')
  script.write_text(text)
  environment = os.environ | {'PYTHONPATH': str(pathlib.Path(__file__).parents[3])}
  return subprocess.Popen([sys.executable, str(script)], env=environment)


def reached(path):
  """Waits until a function has written its process's number."""
  for _ in range(MINUTE):
    if path.is_file() and path.read_text():
      return True
    time.sleep(0.05)
  return False


def test_a_signal_is_passed_on_until_all_have_stopped(tmp_path):
  chief, worker = members()
  other = parent(worker, heeds_signals, tmp_path / '1')

  def train():
    with met(chief) as peers:
      together.run(peers, heeds_signals, (tmp_path / '0',))

  def stop():
    assert reached(tmp_path / '1')
    other.terminate()

  outcome, _ = in_step([train, stop])
  assert isinstance(outcome, errors.Interrupted)
  assert str(outcome) == 'stopped at step 7'
  assert other.wait(60) == 42


def test_a_child_does_not_outlive_its_parent(tmp_path):
  chief, worker = members()
  other = parent(worker, waits, tmp_path / '1')
  with met(chief) as peers:
    assert reached(tmp_path / '1')
    other.kill()
    other.wait(60)
    assert wait(peers.connections, 60)
    with pytest.raises(errors.TrainingError, match=r'worker 1 of 2 .* stopped answering'):
      peers.hear()
  assert gone(tmp_path / '1')
