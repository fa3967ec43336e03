import pathlib

import pytest


@pytest.fixture
def saved_model(tmp_path: pathlib.Path) -> pathlib.Path:
  path = tmp_path / 'saved_model'
  (path / 'variables').mkdir(parents=True)
  (path / 'saved_model.pb').write_bytes(b'graph')
  (path / 'variables' / 'variables.index').write_bytes(b'index')
  path.chmod(0o700)
  return path
