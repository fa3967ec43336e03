import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tensorflow as tf

from tests.serving.client.kinds import KINDS
from tests.serving.server import live


@pytest.fixture(scope='session')
def server(
  saved_model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[live.Server]:
  """The embedded server with version 1 of a model of three classes."""
  base = tmp_path_factory.mktemp('base')
  shutil.copytree(saved_model, base / '1')
  with live.Server(base) as server:
    yield server


@pytest.fixture(scope='session')
def signatures(saved_model: pathlib.Path) -> Any:
  """The model that the server has, in this process."""
  return tf.saved_model.load(str(saved_model)).signatures


@pytest.fixture(params=KINDS)
def make_client(request: pytest.FixtureRequest, server: live.Server) -> Iterator[Callable]:
  """Makes clients of each kind, for the embedded server unless an address is given."""
  kind, protocol = KINDS[request.param]
  addresses = {
    'grpc': f'127.0.0.1:{server.grpc_port}',
    'rest': f'127.0.0.1:{server.rest_port}',
  }
  opened = []

  def make(address: str = addresses[protocol], **arguments) -> Any:
    client = kind(address, **{'model_name': live.NAME, 'protocol': protocol} | arguments)
    opened.append(client)
    return client.__enter__()

  make.other_address = addresses[{'grpc': 'rest', 'rest': 'grpc'}[protocol]]
  yield make
  for client in opened:
    client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable) -> Any:
  return make_client()


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
  """Names a port of this machine as the proxy of everything."""
  for name in ('no_proxy', 'no_grpc_proxy', 'grpc_proxy', 'all_proxy'):
    monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(name.upper(), raising=False)

  def set_proxies(port: int) -> None:
    for name in ('http_proxy', 'https_proxy'):
      monkeypatch.setenv(name, f'http://127.0.0.1:{port}')

  return set_proxies
