import os
import pathlib
import subprocess
import sys

import pytest

from tests.mobile import conftest, no_skips

TESTS = """
import pytest

@pytest.fixture
def tool():
  pytest.skip('no tool: install it')

def test_fixture(tool):
  pass

@pytest.mark.skipif(True, reason='no network: connect')
def test_mark():
  pass

@pytest.mark.xfail
def test_known():
  assert False
"""


@pytest.mark.parametrize(
  ('value', 'said'), [('1', '1 xfailed, 2 errors'), ('', '2 skipped, 1 xfailed')]
)
def test_a_skip_is_a_failure_where_it_is_said(tmp_path: pathlib.Path, value: str, said: str):
  (tmp_path / 'test_skips.py').write_text(TESTS)
  command = [sys.executable, '-m', 'pytest', '-p', no_skips.__name__, '-rs', '--rootdir', tmp_path]
  ended = subprocess.run(
    [*command, tmp_path], env=os.environ | {'FORGELINE_NO_SKIPS': value}, capture_output=True,
    text=True, timeout=300, check=False,
  )  # fmt: skip
  assert said in ended.stdout
  assert 'no tool: install it' in ended.stdout
  assert 'no network: connect' in ended.stdout


def test_it_holds_for_all_tests_of_this_folder():
  assert conftest.pytest_runtest_makereport is no_skips.pytest_runtest_makereport
