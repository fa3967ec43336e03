"""Functions that run in step in processes of their own: real processes, real signals."""

import contextlib
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


class SlowToRead:
  """An argument that a process has read once it is allowed to."""

  def __init__(self, path):
    self.path = path

  def __setstate__(self, state):
    self.__dict__ = state
    self.path.with_suffix('.reading').write_text('now')
    assert reached(self.path.with_suffix('.allowed'))


def ends(path):
  path.write_text(str(os.getpid()))


def ends_last(path):
  """Holds that the process that ended first is there for as long as this one works."""
  assert reached(path.with_name('0'))
  for _ in range(40):
    assert is_running(int(path.with_name('0').read_text()))
    time.sleep(0.05)
  ends(path)


def fails(path):
  assert reached(path.with_name('0'))
  raise errors.StorageError('the disk is full')


def breaks(path):
  assert reached(path.with_name('0'))
  raise ZeroDivisionError('a defect')


def aborts(path):
  assert reached(path.with_name('0'))
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


def heeds_signals_late(slow):
  heeds_signals(slow.path)


def ends_at_a_signal(path):
  with contextlib.suppress(errors.Interrupted):
    heeds_signals(path)


def dies_of_a_signal(path):
  signal.signal(signal.SIGTERM, signal.SIG_DFL)
  waits(path)


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
  assert run([ends, ends_last], tmp_path) == [None, None]
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


def parent(member, function, path, argument='path'):
  """A process that runs a function of this module as a member, as a run does in a terminal."""
  text = (
    'import pathlib, sys\n'
    'from pipeline import errors, signals\n'
    'from pipeline.train import together\n'
    'from pipeline.train.cluster import Member\n'
    f'from {__name__} import *\n'
    'if __name__ == "__main__":\n'
    f'  path = pathlib.Path({str(path)!r})\n'
    '  try:\n'
    f'    with signals.handled_by_raising(), met({member}) as peers:\n'
    f'      together.run(peers, {function.__name__}, ({argument},))\n'
    '  except errors.ForgelineError as error:\n'
    '    sys.exit(error.exit_code)\n'
  )
  script = path.with_suffix('.py')
  script.write_text(text)
  environment = os.environ | {'PYTHONPATH': str(pathlib.Path(__file__).parents[3])}
  return subprocess.Popen([sys.executable, str(script)], env=environment, start_new_session=True)


def reached(path):
  """Waits until something is written in a file."""
  for _ in range(MINUTE):
    if path.is_file() and path.read_text():
      return True
    time.sleep(0.05)
  return False


def stopped(functions, folder, stop, argument='path'):
  """Stops a worker by `stop(process)`; gives what the chief raised, and the worker's exit code."""
  chief, worker = members()
  other = parent(worker, functions[1], folder / '1', argument)

  def train():
    with met(chief) as peers:
      together.run(peers, functions[0], (folder / '0',))

  outcome, _ = in_step([train, lambda: stop(other)])
  return outcome, other.wait(60)


def terminate(folder):
  def stop(process):
    assert reached(folder / '0')
    assert reached(folder / '1')
    process.terminate()

  return stop


def test_a_signal_is_passed_on_until_all_have_stopped(tmp_path):
  outcome, code = stopped([heeds_signals, heeds_signals], tmp_path, terminate(tmp_path))
  assert isinstance(outcome, errors.Interrupted)
  assert str(outcome) == 'stopped at step 7'
  assert code == 42


def test_ctrl_c_in_a_terminal_while_the_process_still_imports(tmp_path):
  def stop(process):
    assert reached(tmp_path / '1.reading')
    os.killpg(process.pid, signal.SIGINT)
    (tmp_path / '1.allowed').write_text('now')

  functions = [heeds_signals, heeds_signals_late]
  outcome, code = stopped(functions, tmp_path, stop, 'SlowToRead(path)')
  assert isinstance(outcome, errors.Interrupted)
  assert str(outcome) == 'stopped at step 7'
  assert code == 42


def test_a_process_that_dies_of_a_signal_was_stopped(tmp_path):
  outcome, code = stopped([waits, dies_of_a_signal], tmp_path, terminate(tmp_path))
  assert isinstance(outcome, errors.Interrupted)
  assert 'ended: the training process died with exit code -15' in str(outcome)
  assert code == 42


def test_a_signal_that_comes_too_late_stops_what_follows(tmp_path):
  functions = [ends_at_a_signal, ends_at_a_signal]
  assert stopped(functions, tmp_path, terminate(tmp_path)) == (None, 42)


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
