import pathlib

import pytest

from tests.mobile.native import building


@pytest.fixture(scope='session')
def programs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A folder with the programs for this machine."""
  building.need('cmake', 'make', 'cc')
  return building.build(tmp_path_factory.mktemp('native'), building.LITERT)


@pytest.fixture(scope='session')
def sanitised_programs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """The same, ended by AddressSanitizer, LeakSanitizer and UBSan at the first defect."""
  building.need('cmake', 'make', 'cc')
  flags = '-fsanitize=address,undefined -fno-sanitize-recover=all'
  folder = tmp_path_factory.mktemp('sanitised')
  return building.build(folder, building.LITERT, f'-DCMAKE_C_FLAGS={flags}')
