"""A server in a process of its own, for one model, on ports of this machine that were free."""

import contextlib
import dataclasses
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import IO

from serving import docker
from serving.client import Client, ClientError
from serving.server import __main__ as embedded
from serving.server.ports import free_ports

_BINARY = 'tensorflow_model_server'
_TRIES = 2  # another process may take a port between its choice and its use
_START_S, _GRACE_S, _POLL_S = 300.0, 5.0, 1.0


class ServerProcessError(Exception):
  """The server does not come up; the message says why in one line."""


@dataclasses.dataclass(frozen=True)
class Server:
  """Where a running server answers."""

  grpc_address: str
  rest_address: str
  process_id: int


def program(binary: str = '') -> str:
  """The command that `running` takes as the server, for people."""
  command = _command(pathlib.Path('MODEL_DIR'), binary, 'NAME')
  return ' '.join(command).replace(sys.executable, 'python')


@contextlib.contextmanager
def running(model_dir: pathlib.Path, binary: str = '', *flags: str) -> Iterator[Server]:
  """Serves a model while the block runs.

  Args:
    model_dir: absolute; holds a folder for each version, and is named as the model.
    binary: the server's program; empty for tensorflow_model_server if it is on the PATH, else
      Docker if it has the image, else the embedded server.
    flags: more of the server's.

  Raises:
    ServerProcessError: it ended, or was not ready in 5 minutes.
  """
  container = f'forgeline-{uuid.uuid4().hex}'
  command = [*_command(model_dir, binary, container), *flags]
  with tempfile.TemporaryFile() as log:
    for _ in range(_TRIES):
      ports = free_ports(2)
      with _started(command, model_dir, ports, log, container) as process:
        if _is_ready(process, model_dir.name, ports):
          grpc_address, rest_address = (f'localhost:{port}' for port in ports)
          yield Server(grpc_address, rest_address, process.pid)
          return
    raise ServerProcessError(f'{command[0]} did not come up. It said: {_last_line(log)}')


def _command(model_dir: pathlib.Path, binary: str, container: str) -> list[str]:
  if binary or shutil.which(_BINARY):
    return [binary or _BINARY]
  if docker.has_image():
    return docker.command(container, model_dir, _BINARY)
  return [sys.executable, '-m', embedded.__package__]


@contextlib.contextmanager
def _started(
  command: Sequence[str],
  model_dir: pathlib.Path,
  ports: Sequence[int],
  log: IO[bytes],
  container: str,
) -> Iterator['subprocess.Popen[bytes]']:
  flags = [
    f'--port={ports[0]}',
    f'--rest_api_port={ports[1]}',
    f'--model_name={model_dir.name}',
    f'--model_base_path={model_dir}',
    '--max_num_load_retries=0',
  ]
  process = None
  try:
    with _signals_put_off():
      process = _start([*command, *flags], log)
    yield process
  finally:
    if process is not None:
      _end(process)
      if command[0] == docker.PROGRAM:  # which may have ended without its container
        docker.remove(container)


def _start(command: Sequence[str], log: IO[bytes]) -> 'subprocess.Popen[bytes]':
  try:
    return subprocess.Popen(command, stdout=log, stderr=log)
  except OSError as error:
    raise ServerProcessError(f'{command[0]} can not be started: {error.strerror}') from error


def _end(process: 'subprocess.Popen[bytes]') -> None:
  process.terminate()
  try:
    process.wait(_GRACE_S)
  except subprocess.TimeoutExpired:
    process.kill()
    process.wait()


@contextlib.contextmanager
def _signals_put_off() -> Iterator[None]:
  """Has handlers raise after the body: amid it, nobody would know of the process that it starts."""
  if threading.current_thread() is not threading.main_thread():
    yield  # handlers run in the main thread alone
    return
  came: list[int] = []
  handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
  raising = {number: handler for number, handler in handlers.items() if callable(handler)}
  for number in raising:
    signal.signal(number, lambda number, _: came.append(number))
  try:
    yield
  finally:
    for number, handler in raising.items():
      signal.signal(number, handler)
    for each in came:
      signal.raise_signal(each)


def _is_ready(process: 'subprocess.Popen[bytes]', model_name: str, ports: Sequence[int]) -> bool:
  """Waits until both ports, which open in turn, answer; False if the server has ended."""
  deadline_s = time.monotonic() + _START_S
  return all(
    _answers(process, model_name, protocol, port, deadline_s)
    for protocol, port in zip(('grpc', 'rest'), ports, strict=True)
  )


def _answers(
  process: 'subprocess.Popen[bytes]', model_name: str, protocol: str, port: int, deadline_s: float
) -> bool:
  with Client(f'localhost:{port}', model_name=model_name, protocol=protocol) as client:
    while process.poll() is None:
      with contextlib.suppress(ClientError):
        client.wait_until_available(_POLL_S)
        return True
      if time.monotonic() > deadline_s:
        raise ServerProcessError(f'{process.args!r} was not ready in {_START_S:g} s')
  return False


def _last_line(log: IO[bytes]) -> str:
  log.seek(0)
  lines = [line.strip() for line in log.read().decode(errors='replace').splitlines()]
  return next((line for line in reversed(lines) if line), 'nothing')
