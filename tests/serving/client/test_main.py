"""The command line, against the embedded server."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import PIL.Image
import pytest

from serving.client.__main__ import main, parse
from tests.serving.client import small_rest_server
from tests.serving.server import live


@pytest.fixture(params=['grpc', 'rest'])
def flags(request: pytest.FixtureRequest, server: live.Server) -> list[str]:
  port = {'grpc': server.grpc_port, 'rest': server.rest_port}[request.param]
  return [f'--protocol={request.param}', f'--address=127.0.0.1:{port}']


def test_picture_with_a_row_for_each_label(flags: list[str], tmp_path: pathlib.Path, capsys):
  out = tmp_path / 'new' / 'grid.png'
  assert main(['generate', *flags, '--label=1,2', '--count=3', f'--out={out}']) == 0
  assert capsys.readouterr().out == f'6 images: {out}\n'
  with PIL.Image.open(out) as grid:
    assert (grid.size, grid.mode) == ((3 * 10 + 2, 2 * 10 + 2), 'L')
    pixels = np.asarray(grid)
  assert (pixels[:2] == 128).all()
  arrays = tmp_path / 'arrays.npz'
  assert main(['generate', *flags, '--label=1,2', '--count=3', f'--out={arrays}']) == 0
  with np.load(arrays) as found:
    assert found['images'].shape == (6, 8, 8, 1)
    assert found['labels'].tolist() == [1, 1, 1, 2, 2, 2]
    assert found['seeds'].tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(pixels[12:20, 2:10], found['images'][3, :, :, 0])


def test_folder_with_a_folder_for_each_label(flags: list[str], tmp_path: pathlib.Path):
  command = ['generate', *flags, '--label=0,2', '--count=2', '--seed=7', f'--out={tmp_path}']
  assert main(command) == 0
  found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.png'))
  assert found == ['0/7.png', '0/8.png', '2/10.png', '2/9.png']


def test_status_and_metadata(flags: list[str], capsys):
  assert main(['status', *flags, '--wait_s=60']) == 0
  assert capsys.readouterr().out == 'version=1 state=AVAILABLE\n'
  assert main(['metadata', *flags]) == 0
  assert capsys.readouterr().out.splitlines() == [
    'digits version 1',
    'from_latent: label DT_INT64 [any], latent DT_FLOAT [any, 8] -> images DT_FLOAT [any, 8, 8, 1]',
    'score: images DT_FLOAT [any, 8, 8, 1], label DT_INT64 [any] -> score DT_FLOAT [any]',
    'serving_default: label DT_INT64 [any], seed DT_INT64 [any] -> image_bytes DT_STRING [any]',
  ]


@pytest.mark.parametrize('timeout_s', ['inf', '1e12'])
def test_a_call_may_take_any_time(flags: list[str], timeout_s: str):
  assert main(['status', *flags, f'--timeout_s={timeout_s}']) == 0


def test_bench(flags: list[str], capsys):
  command = ['bench', *flags, '--label=1', '--num_requests=7', '--batch_size=2', '--concurrency=3']
  assert main(command) == 0
  out = capsys.readouterr().out
  assert '7, 3 at a time' in out
  for figure in ('images/s', 'latency p50', 'latency p95', 'latency p99'):
    assert figure in out


@pytest.mark.parametrize(
  ('command', 'exit_code', 'message'),
  [
    (['generate', '--label=9', '--out=x.png'], 2, 'LabelError: label=9, but model digits'),
    (['generate', '--out=x.png'], 2, 'LabelError: model digits'),
    (['generate', '--label=1', '--count=0', '--out=x.png'], 2, 'InvalidRequestError: --count=0'),
    (['generate', '--label=1', '--out=x.gif'], 2, 'InvalidRequestError: --count=10 --out=x.gif'),
    (['generate', '--label=1', '--out=/proc/x/y.png'], 6, 'OutputError: --out=/proc/x/y.png'),
    (['bench', '--label=9'], 2, 'LabelError: label=9'),
    (['bench', '--label=1,9'], 2, 'LabelError: label=9'),
    (['bench', '--label=1', '--concurrency=0'], 2, 'InvalidRequestError: --num_requests=200'),
    (['status', '--model_name=nobody'], 3, 'NotFoundError: 127.0.0.1'),
    (['metadata', '--version=9'], 3, 'NotFoundError: 127.0.0.1'),
    (['status', f'--version={2**63}'], 2, "InvalidRequestError: model_name='digits', version=92"),
    (['metadata', '--version_label=old'], 3, 'NotFoundError: 127.0.0.1'),
    (['status', '--address=127.0.0.1:1'], 4, 'ServerUnavailableError: 127.0.0.1:1'),
    (['status', '--address=127.0.0.1:1', '--wait_s=0.2'], 5, 'DeadlineError: model digits'),
    (['status', '--timeout_s=0'], 2, 'InvalidRequestError: timeout_s=0'),
    (['status', '--timeout_s=nan'], 2, 'InvalidRequestError: timeout_s=nan'),
    (['status', '--ca_cert=nothing'], 2, 'InvalidRequestError: Tls'),
  ],
)
def test_mistakes_are_one_line_and_a_code(
  flags: list[str], command: list[str], exit_code: int, message: str, capsys
):
  assert main([command[0], *flags, *command[1:]]) == exit_code
  (line,) = capsys.readouterr().err.splitlines()
  assert line.startswith(message)


@pytest.mark.parametrize(
  'command',
  [
    [],
    ['paint'],
    ['generate'],
    ['generate', '--label=x', '--out=x.png'],
    ['generate', f'--label=1,{2**63}', '--out=x.png'],
    ['generate', f'--seed={2**63}', '--out=x.png'],
  ],
)
def test_wrong_flags_end_with_2(command: list[str], capsys):
  with pytest.raises(SystemExit, match='2'):
    parse(command)
  assert 'Traceback' not in capsys.readouterr().err


@pytest.mark.parametrize(('protocol', 'port'), [('grpc', 8500), ('rest', 8501)])
def test_default_address(protocol: str, port: int):
  assert parse(['status', f'--protocol={protocol}']).address == f'localhost:{port}'


def test_command_as_the_documentation_has_it(server: live.Server, tmp_path: pathlib.Path):
  command = ['generate', '--label=2', '--count=16', '--out=twos.png']
  address = f'--address=127.0.0.1:{server.grpc_port}'
  subprocess.run(
    [sys.executable, '-W', 'error', '-m', 'serving.client', *command, address],
    cwd=tmp_path,
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    check=True,
    timeout=120,
  )
  assert (tmp_path / 'twos.png').stat().st_size


def test_ctrl_c_ends_without_a_traceback():
  with small_rest_server.serve(small_rest_server.reply(b'{"error": "not yet"}', 503)) as server:
    flags = ['--protocol=rest', f'--address={server.address}', '--wait_s=60']
    process = subprocess.Popen(
      [sys.executable, '-m', 'serving.client', 'status', *flags],
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
      stderr=subprocess.PIPE,
      # Tests that run in a shell's background ignore the signal, and so would their children.
      preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    end_s = time.monotonic() + 60
    while not server.requests and time.monotonic() < end_s:
      time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
  assert (process.returncode, errors) == (130, b'')
