"""The examples of serving/README.md, as they stand, against the embedded server."""

import base64
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import PIL.Image
import pytest

from serving import client
from serving.client.__main__ import parse
from tests.serving.server import live

README = (pathlib.Path(client.__file__).parents[1] / 'README.md').read_text(encoding='utf-8')
EXAMPLES = dict(re.findall(r'^### (\w+)\n[^#]*?^```\w+\n(.*?)^```', README, re.M | re.S))
COMMANDS = {  # the program, and the file that an example is saved as
  'Python': ([sys.executable, '-W', 'error'], 'two.py'),
  'curl': (['sh', '-eu'], 'two.sh'),
  'grpcurl': (['sh', '-eu'], 'two.sh'),
  'JavaScript': (['node'], 'two.mjs'),
  'Java': (['java'], 'Two.java'),
}


def test_there_are_five_examples():
  assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize(
  'name', ['Python', 'curl', 'grpcurl', 'JavaScript', pytest.param('Java', marks=pytest.mark.slow)]
)
def test_example_saves_the_picture(name: str, server: live.Server, tmp_path: pathlib.Path):
  command, file = COMMANDS[name]
  program = name if command[0] == 'sh' else command[0]
  if shutil.which(program) is None:
    pytest.skip(f'{program} is not installed')
  code = EXAMPLES[name].replace('serving/client/', f'{pathlib.Path(client.__file__).parent}/')
  code = code.replace('localhost:8500', f'127.0.0.1:{server.grpc_port}')
  (tmp_path / file).write_text(code.replace('localhost:8501', f'127.0.0.1:{server.rest_port}'))
  subprocess.run(
    [*command, file],
    cwd=tmp_path,
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    check=True,
    timeout=120,
  )
  reply = server.post({'inputs': {'seed': [7], 'label': [2]}})
  expected = PIL.Image.open(io.BytesIO(base64.b64decode(reply['outputs'][0]['b64'])))
  with PIL.Image.open(tmp_path / 'two.png') as picture:
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(expected))


def test_commands_have_the_flags_that_are_shown():
  commands = re.findall(r'^    python -m serving\.client (.+)$', README, re.M)
  assert len(commands) == 5
  for command in commands:
    parse(command.split())


def test_tree_of_errors_is_that_of_the_code():
  tree = re.search(r'^```\n(ClientError\n.*?)^```', README, re.M | re.S)[1]
  assert client.errors.__doc__ is not None
  assert textwrap.dedent(client.errors.__doc__.split('\n\n', 1)[1]) == tree
  named = {line.split()[0] for line in tree.splitlines()}
  assert named == {
    name
    for name, kind in vars(client).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
  }
