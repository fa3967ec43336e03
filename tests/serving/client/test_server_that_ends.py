import contextlib
import pathlib
import shutil
import signal

import pytest

from serving.client import DeadlineError, ServerUnavailableError
from tests.serving.client.kinds import KINDS
from tests.serving.server import live


@pytest.mark.slow
def test_client_waits_for_a_server_and_outlives_it(
  saved_model: pathlib.Path, tmp_path: pathlib.Path
):
  server = live.Server(tmp_path)  # there is no version yet
  ports = {'grpc': server.grpc_port, 'rest': server.rest_port}
  with contextlib.ExitStack() as opened:
    with contextlib.ExitStack() as running:
      running.callback(server.stop)
      clients = [
        opened.enter_context(
          kind(f'127.0.0.1:{ports[protocol]}', model_name=live.NAME, protocol=protocol)
        )
        for kind, protocol in KINDS.values()
      ]
      server.wait_for('Waiting')
      for client in clients:
        with pytest.raises(DeadlineError, match='was not available within 1 s'):
          client.wait_until_available(1)
      shutil.copytree(saved_model, tmp_path / 'new')
      (tmp_path / 'new').rename(tmp_path / '1')
      for client in clients:
        client.wait_until_available(120)
        assert client.generate([1], labels=0)
      server.signal(signal.SIGKILL)
    for client in clients:
      with pytest.raises(ServerUnavailableError, match='UNAVAILABLE'):
        client.generate([1], labels=0)
