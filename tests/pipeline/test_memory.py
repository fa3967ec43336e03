import subprocess
import sys

import numpy as np

_PEAK_MIB = 'from pipeline import memory; print(memory.peak_mib())'


def test_the_peak_is_of_this_process_and_not_of_its_parent():
  parents = np.ones(400 * 2**20, np.uint8)
  said = subprocess.run(
    [sys.executable, '-c', _PEAK_MIB], capture_output=True, text=True, check=True
  ).stdout
  assert parents.all()
  assert 1 < int(said) < 100


def test_the_peak_stays():
  program = f'import numpy; numpy.ones(200 * 2**20, "u1"); {_PEAK_MIB}'
  said = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, check=True
  ).stdout
  assert 200 < int(said) < 400
