"""A server's program that starts, and never answers."""

import os
import pathlib
import select
import signal
import time

_TEXT = """#!/bin/sh
trap '{on_sigterm}' TERM
echo $$ > '{folder}/started' && mv '{folder}/started' '{folder}/pid'
while :; do sleep 0.05; done
"""


def write(folder: pathlib.Path, on_sigterm: str = 'exit') -> pathlib.Path:
  """The program; it is deaf to SIGTERM if it does nothing."""
  program = folder / 'stuck_server'
  program.write_text(_TEXT.format(on_sigterm=on_sigterm, folder=folder))
  program.chmod(0o755)
  return program


def process_id(folder: pathlib.Path) -> int:
  """Waits until it runs."""
  return int(wait_for(folder / 'pid').read_text())


def wait_for(path: pathlib.Path) -> pathlib.Path:
  end_s = time.monotonic() + 120
  while not path.exists():
    assert time.monotonic() < end_s, path
    time.sleep(0.01)
  return path


def was_left(folder: pathlib.Path) -> bool:
  """Whether it still runs, and not just for a moment; it does no more."""
  try:
    ended = os.pidfd_open(process_id(folder))
  except ProcessLookupError:
    return False
  try:
    if select.select([ended], [], [], 60)[0]:
      return False
    signal.pidfd_send_signal(ended, signal.SIGKILL)
  finally:
    os.close(ended)
  return True
