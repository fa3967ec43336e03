import os
import sys

from pipeline import native_log


def test_descriptor_2_goes_to_the_log_and_python_to_the_terminal(tmp_path, capfd):
  with native_log.redirected(tmp_path / 'native.log'):
    os.write(2, b'from C++\n')
    print('from Python', file=sys.stderr)
  os.write(2, b'afterwards\n')
  assert (tmp_path / 'native.log').read_text() == 'from C++\n'
  assert capfd.readouterr().err == 'from Python\nafterwards\n'
