import pathlib
import subprocess
import sys

import numpy as np
import pytest

from mobile import convert, replay
from tests.mobile.tiny_info import INFO
from tests.serving import tiny_models


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('files')
  latents = np.random.default_rng(0).standard_normal([40, 8]).astype(np.float32)
  labels = np.arange(40) % 3
  calibration = convert.Calibration(latents, labels)
  model = convert.convert('f32', tiny_models.generator(), calibration, INFO)
  (path / 'model.tflite').write_bytes(model)
  np.savez(path / 'golden.npz', latents=latents[:5], labels=labels[:5])
  np.savez(path / 'extra.npz', latents=latents, labels=labels)
  return path


def test_what_the_command_writes(files: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  flags = {'model': 'model.tflite', 'golden': 'golden.npz', 'extra': 'extra.npz', 'out': 'out.npz'}
  arguments = [f'--{name}={files / value}' for name, value in flags.items()]
  monkeypatch.setattr('sys.argv', ['replay', *arguments])
  replay.main()
  with np.load(files / 'extra.npz') as extra, np.load(files / 'out.npz') as out:
    images = tiny_models.generator()([extra['latents'], extra['labels']], training=False).numpy()
    expected = np.round((images + 1) * 127.5)
    assert np.abs(out['extra_pixels'] - expected).max() <= 1
    np.testing.assert_array_equal(out['pixels'], out['extra_pixels'][:5])
    assert out['pixels'].dtype == np.uint8


def test_needs_no_tensorflow():
  program = 'import sys, mobile.replay; sys.exit("tensorflow" in sys.modules)'
  assert subprocess.run([sys.executable, '-c', program], check=False).returncode == 0
