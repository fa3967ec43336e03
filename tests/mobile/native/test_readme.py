"""The commands of mobile/native/README.md, as written."""

import os
import pathlib
import re
import subprocess
import sys

from tests.mobile.native import building

REPOSITORY = pathlib.Path(__file__).parents[3]


def test_the_commands_build_the_program(tmp_path: pathlib.Path):
  building.need('cmake', 'make', 'cc')
  text = (REPOSITORY / 'mobile/native/README.md').read_text(encoding='utf-8')
  commands = '\n'.join(re.findall(r'^ {4}(\S.*)$', text, re.MULTILINE))
  (tmp_path / 'mobile').symlink_to(REPOSITORY / 'mobile')
  path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ['PATH']])
  done = subprocess.run(
    ['bash', '-euc', commands],
    cwd=tmp_path,
    env={**os.environ, 'PATH': path},
    capture_output=True,
    text=True,
    check=False,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr
  usage = building.run(tmp_path / 'build/generate_pixels')
  assert 'usage: generate_pixels MODEL LATENTS PIXELS [LABELS]' in usage.stderr
