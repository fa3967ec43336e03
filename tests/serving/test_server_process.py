import json
import pathlib
import signal
import subprocess
import sys

import pytest

from serving import docker, server_process
from serving.client import Client, ServerUnavailableError
from tests.serving import stuck_server

DOCKER = """#!{python}
# Notes what it is asked. `run` leaves the server to a process that outlives it, as an engine does,
# and is deaf to SIGTERM; `rm` ends that process.
import json, os, pathlib, signal, subprocess, sys

arguments, pid = sys.argv[1:], pathlib.Path(__file__).with_name('pid')
with pathlib.Path(__file__).with_name('asked').open('a') as file:
  file.write(json.dumps(arguments) + '\\n')
if arguments[0] == 'run':
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  flags = arguments[arguments.index('{image}') + 1 :]
  noting = ['/bin/sh', '-c', 'echo $$ > "$0" && exec "$@"', str(pid)]
  command = [*noting, sys.executable, '-m', 'serving.server', *flags]
  subprocess.Popen(command, start_new_session=True).wait()
elif arguments[0] == 'rm':
  os.kill(int(pid.read_text()), signal.SIGKILL)
"""

LATE = """#!/bin/sh
# A server whose second port opens long after its first.
exec {python} -c '
import asyncio, sys
from serving.server import __main__, ports

open_http = ports.open_http

async def open_late(*arguments):
  await asyncio.sleep(3)
  return await open_http(*arguments)

ports.open_http = open_late
sys.exit(__main__.main(sys.argv[1:]))
' "$@"
"""


def test_the_embedded_server_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch):
  monkeypatch.setenv('PATH', '')
  assert server_process.program() == 'python -m serving.server'
  assert server_process.program('/opt/tfs') == '/opt/tfs'


def test_a_server_on_the_path_is_preferred(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  (tmp_path / 'tensorflow_model_server').touch(mode=0o755)
  monkeypatch.setenv('PATH', str(tmp_path))
  assert server_process.program() == 'tensorflow_model_server'


@pytest.mark.parametrize(
  ('text', 'said'),
  [(None, 'can not be started: No such file'), ('#!/bin/sh\necho no AVX here; exit 1', 'no AVX')],
)
def test_a_program_that_does_not_serve_is_one_line(tmp_path: pathlib.Path, text, said):
  program = tmp_path / 'server'
  if text:
    program.write_text(text)
    program.chmod(0o755)
  with (
    pytest.raises(server_process.ServerProcessError, match=said),
    server_process.running(tmp_path / 'model', str(program)),
  ):
    pass


def test_a_signal_right_after_the_start_leaves_no_server(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  program, popen = stuck_server.write(tmp_path), subprocess.Popen

  def started(*arguments, **named) -> subprocess.Popen:
    process = popen(*arguments, **named)
    stuck_server.process_id(tmp_path)
    signal.raise_signal(signal.SIGINT)
    return process

  monkeypatch.setattr(subprocess, 'Popen', started)
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    with pytest.raises(KeyboardInterrupt), server_process.running(tmp_path, str(program)):
      pass
  finally:
    signal.signal(signal.SIGINT, before)
  assert not stuck_server.was_left(tmp_path)


def served(saved_model: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  """A folder that holds the model as version 1."""
  model_dir = tmp_path / 'tiny'
  model_dir.mkdir()
  (model_dir / '1').symlink_to(saved_model)
  return model_dir


@pytest.mark.slow
def test_a_named_program_serves_and_is_ended(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  model_dir = served(saved_model, tmp_path)
  program = tmp_path / 'model_server'
  program.write_text(LATE.format(python=sys.executable))
  program.chmod(0o755)
  with (
    server_process.running(model_dir, str(program)) as server,
    Client(server.rest_address, model_name='tiny', protocol='rest') as client,
  ):
    assert client.status()[0].state == 'AVAILABLE'
  with pytest.raises(ServerUnavailableError):
    Client(server.rest_address, model_name='tiny', protocol='rest').status()


@pytest.mark.slow
def test_a_container_is_gone_afterwards(
  saved_model: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  model_dir = served(saved_model, tmp_path)
  bin_dir = tmp_path / 'bin'
  bin_dir.mkdir()
  (bin_dir / 'docker').write_text(DOCKER.format(python=sys.executable, image=docker.IMAGE))
  (bin_dir / 'docker').chmod(0o755)
  monkeypatch.setenv('PATH', str(bin_dir))
  monkeypatch.setattr(server_process, '_GRACE_S', 1)
  with (
    server_process.running(model_dir) as server,
    Client(server.rest_address, model_name='tiny', protocol='rest') as client,
  ):
    assert client.status()[0].state == 'AVAILABLE'
  asked = [json.loads(line) for line in (bin_dir / 'asked').read_text().splitlines()]
  inspect, run, remove = asked
  assert inspect == ['image', 'inspect', docker.IMAGE]
  (name,) = (flag.removeprefix('--name=') for flag in run if flag.startswith('--name='))
  assert remove == ['rm', '--force', name]
  assert {'--rm', '--init', '--network=host', f'--volume={model_dir}:{model_dir}:ro'} < set(run)
  with pytest.raises(ServerUnavailableError):
    Client(server.rest_address, model_name='tiny', protocol='rest').status()
