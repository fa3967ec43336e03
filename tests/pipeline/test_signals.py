import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from pipeline import errors, signals

SAID = 'stopped by SIGTERM. Finished stages are kept; the same command goes on.'


def test_a_signal_is_raised():
  with pytest.raises(errors.Interrupted) as raised, signals.handled_by_raising():
    os.kill(os.getpid(), signal.SIGTERM)
  assert str(raised.value) == SAID


def test_a_signal_in_code_that_is_traced_is_one_line():
  @tf.function
  def traced() -> tf.Tensor:
    os.kill(os.getpid(), signal.SIGTERM)
    return tf.constant(1)

  with pytest.raises(errors.Interrupted) as raised, signals.handled_by_raising():
    traced()
  assert str(raised.value) == SAID


def test_a_signal_that_other_code_swallows_is_raised_in_the_end():
  with (
    pytest.raises(errors.Interrupted) as raised,
    signals.handled_by_raising(),
    contextlib.suppress(BaseException),
  ):
    os.kill(os.getpid(), signal.SIGTERM)
  assert str(raised.value) == SAID


def test_code_that_catches_exceptions_is_left_at_once():
  went_on = []

  def code() -> None:
    with contextlib.suppress(Exception):  # as TensorFlow's tracing does
      os.kill(os.getpid(), signal.SIGTERM)
    went_on.append(True)

  with pytest.raises(errors.Interrupted), signals.handled_by_raising():
    code()
  assert not went_on


class Finalized:
  def __del__(self):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0)  # the handler has run


def test_a_signal_in_a_finalizer_is_not_lost(capsys):
  before = sys.unraisablehook
  went_on = []

  def work() -> None:
    Finalized()
    time.sleep(100)
    went_on.append(True)

  with pytest.raises(errors.Interrupted) as raised, signals.handled_by_raising():
    work()
  assert str(raised.value) == SAID
  assert not went_on
  assert capsys.readouterr().err == ''
  assert sys.unraisablehook is before


def test_a_signal_in_the_last_finalizer_ends_the_body_alone():
  for _ in range(20):
    with pytest.raises(errors.Interrupted), signals.handled_by_raising():
      Finalized()


def program(body):
  """Runs code that sends itself SIGTERM; gives its exit code and what it wrote to stderr."""
  script = (
    'import os, signal, time\n'
    'from pipeline import signals\n'
    'signals._PATIENCE_S = 0.1\n'
    'with signals.handled_by_raising(), signals.stop_requested():\n'
    f'  {body}\n'
  )
  done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, timeout=300)
  return done.returncode, done.stderr


def test_a_call_that_python_can_not_leave_ends_the_process():
  shell = 'exec > /dev/null 2>&1; kill -TERM $PPID; while kill -0 $PPID; do sleep 0.1; done'
  body = f'with signals.handled_by_raising(): os.system("{shell}")'
  assert program(body) == (42, f'Interrupted: {SAID}\n')


def test_work_that_saves_first_has_the_time_it_takes():
  body = 'os.kill(os.getpid(), signal.SIGTERM); time.sleep(1); raise SystemExit(7)'
  assert program(body) == (7, '')


def test_a_second_signal_is_no_error():
  def work() -> None:
    for _ in range(2):
      with contextlib.suppress(BaseException):
        os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(0.2)  # who watches has read the first

  with pytest.raises(errors.Interrupted), signals.handled_by_raising():
    work()


def test_a_request_is_for_the_body_to_heed():
  def work() -> None:
    with signals.stop_requested() as stop:
      os.kill(os.getpid(), signal.SIGTERM)
      assert stop.wait(5)
      raise errors.Interrupted('stopped at step 7')

  with pytest.raises(errors.Interrupted, match='at step 7'), signals.handled_by_raising():
    work()


def test_a_request_that_came_too_late_is_made_again():
  went_on = []

  def work() -> None:
    with signals.stop_requested() as stop:
      os.kill(os.getpid(), signal.SIGTERM)
      assert stop.wait(5)
    went_on.append(True)

  with pytest.raises(errors.Interrupted) as raised, signals.handled_by_raising():
    work()
  assert str(raised.value) == SAID
  assert not went_on


def test_handlers_are_put_back():
  before = signal.getsignal(signal.SIGTERM)
  with signals.stop_requested():
    assert signal.getsignal(signal.SIGTERM) is not before
  assert signal.getsignal(signal.SIGTERM) is before
