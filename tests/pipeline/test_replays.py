import os
import pathlib
import re
import signal
import tempfile
import threading

import numpy as np
import pytest

from pipeline import errors, replays, signals
from tests.serving import stuck_server


@pytest.mark.parametrize('on_sigterm', ['exit', pytest.param('', marks=pytest.mark.slow)])
def test_a_signal_leaves_no_server_and_no_copy_of_the_model(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, on_sigterm: str
):
  golden, temporary = tmp_path / 'golden.npz', tmp_path / 'temporary'
  np.savez(golden, seeds=[1], latents=[[0.5]])
  (tmp_path / 'model').mkdir()
  temporary.mkdir()
  monkeypatch.setenv('TMPDIR', str(temporary))
  monkeypatch.setattr(tempfile, 'tempdir', str(temporary))
  program = stuck_server.write(tmp_path, on_sigterm)

  def interrupt() -> None:
    stuck_server.process_id(tmp_path)
    os.kill(os.getpid(), signal.SIGTERM)

  thread = threading.Thread(target=interrupt)
  thread.start()
  with pytest.raises(errors.Interrupted), signals.handled_by_raising():
    replays.served(tmp_path / 'model', golden, str(program))
  thread.join()
  assert not stuck_server.was_left(tmp_path)
  assert list(temporary.iterdir()) == []


def test_a_replay_that_crashes_leaves_no_server(tmp_path: pathlib.Path):
  golden = tmp_path / 'golden.npz'
  np.savez(golden, seeds=[1], latents=[[0.5]])
  (tmp_path / 'model').mkdir()
  program = stuck_server.write(tmp_path)

  def crash() -> None:
    status = pathlib.Path(f'/proc/{stuck_server.process_id(tmp_path)}/status').read_text()
    (parent,) = re.findall(r'^PPid:\s*(\d+)', status, re.MULTILINE)
    os.kill(int(parent), signal.SIGKILL)

  thread = threading.Thread(target=crash)
  thread.start()
  with pytest.raises(replays.ReplayError, match='exit code -9'):
    replays.served(tmp_path / 'model', golden, str(program))
  thread.join()
  assert not stuck_server.was_left(tmp_path)
