import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
  'command',
  [
    ('serving.server', '--model_base_path={folder}', '--max_num_load_retries=0'),
    ('serving.replay', '--saved_model_dir={folder}', '--golden={folder}', '--out={folder}/out'),
  ],
)
def test_the_program_imports_tensorflow_and_no_keras(command, tmp_path):
  (tmp_path / '1').mkdir()  # a version without a model
  command = [part.format(folder=tmp_path) for part in command]
  done = subprocess.run(
    [sys.executable, '-X', 'importtime', '-m', *command],
    capture_output=True,
    text=True,
    check=False,
    timeout=100,
  )
  assert done.returncode != 0
  imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
  assert 'tensorflow' in imported
  assert not [name for name in imported if name.startswith(('keras.', 'tf_keras.'))]
