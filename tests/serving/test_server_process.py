import pathlib
import sys

import pytest

from serving import server_process
from serving.client import Client, ServerUnavailableError


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


@pytest.mark.slow
def test_a_named_program_serves_and_is_ended(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  model_dir = tmp_path / 'tiny'
  model_dir.mkdir()
  (model_dir / '1').symlink_to(saved_model)
  program = tmp_path / 'model_server'
  program.write_text(f'#!/bin/sh\nexec {sys.executable} -m serving.server "$@"\n')
  program.chmod(0o755)
  with (
    server_process.running(model_dir, str(program)) as server,
    Client(server.rest_address, model_name='tiny', protocol='rest') as client,
  ):
    assert client.status()[0].state == 'AVAILABLE'
  with pytest.raises(ServerUnavailableError):
    Client(server.rest_address, model_name='tiny', protocol='rest', timeout_s=2).status()
