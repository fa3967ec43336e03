"""`pipeline.run` that stops itself, as SIGSTOP does: it can't be through before a test comes to it.

`python -m tests.frozen PLACE NUMBER DELAY_S FLAGS` is `python -m pipeline.run FLAGS` that stops
DELAY_S after a function such as `pipeline.train.loop:TrainLoop.run` is called the NUMBERth time.
"""

import contextlib
import functools
import importlib
import os
import pathlib
import signal
import sys
import threading
import time

from pipeline import native_log, run


def freeze(place, number=1, delay_s=0.0, last_argument=''):
  """Has this process stop itself; calls count whose last argument ends with a text."""
  module, _, names = place.partition(':')
  *owners, name = names.split('.')
  owner = functools.reduce(getattr, owners, importlib.import_module(module))
  function, left = getattr(owner, name), number

  def counted(*arguments, **named):
    nonlocal left
    left -= str(arguments[-1]).endswith(last_argument)
    if left == 0:
      left = -1
      if delay_s:
        threading.Timer(delay_s, stop).start()
      else:
        stop()
    return function(*arguments, **named)

  setattr(owner, name, counted)


def stop():
  os.kill(os.getpid(), signal.SIGSTOP)


def await_stop(process):
  """Waits until a process has stopped itself."""
  status, end_s = pathlib.Path(f'/proc/{process.pid}/status'), time.monotonic() + 600
  while 'State:\tT' not in (text := status.read_text()):
    assert 'State:\tZ' not in text, 'it ended before'
    assert time.monotonic() < end_s
    time.sleep(0.01)


def send(process, number):
  """Sends a signal, which is the first that the process sees when it goes on."""
  os.kill(process.pid, number)
  os.kill(process.pid, signal.SIGCONT)


def main(place, number, delay_s, *flags):
  redirected = native_log.redirected

  @contextlib.contextmanager
  def frozen(path):
    with redirected(path):  # which hides what TensorFlow says when it is imported
      freeze(place, int(number), float(delay_s))
      yield

  native_log.redirected = frozen
  return run.main(flags)


if __name__ == '__main__':
  sys.exit(main(*sys.argv[1:]))
