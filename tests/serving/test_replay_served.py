import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from serving import replay_served
from tests.serving import stuck_server


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_first_whatever_comes(
  tmp_path: pathlib.Path, number: signal.Signals
):
  told, golden = tmp_path / 'told', tmp_path / 'golden.npz'
  program = stuck_server.write(tmp_path, f'touch "{told}"; sleep 1; exit')
  np.savez(golden, seeds=[1], latents=[[0.5]])
  (tmp_path / 'model').mkdir()
  flags = {'saved_model_dir': tmp_path / 'model', 'golden': golden, 'out': tmp_path / 'out.npz'}
  flags['model_server_binary'] = program
  with subprocess.Popen(
    [sys.executable, '-m', replay_served.__name__, *(f'--{k}={v}' for k, v in flags.items())]
  ) as process:
    stuck_server.process_id(tmp_path)
    process.send_signal(number)
    stuck_server.wait_for(told)
    for each in (signal.SIGINT, signal.SIGTERM):
      process.send_signal(each)
  assert not stuck_server.was_left(tmp_path)
  assert process.returncode == 128 + number
