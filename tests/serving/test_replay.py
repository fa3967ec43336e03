import pathlib

import numpy as np
import pytest
import tensorflow as tf

from pipeline.latents import latents_from_seeds
from serving import export, replay, warmup
from tests.serving import tiny_models


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('files')
  export.export_saved_model(
    path / 'model',
    generator=tiny_models.generator(),
    discriminator=tiny_models.discriminator(),
    latents_from_seeds=latents_from_seeds,
    num_classes=3,
  )
  warmup.write_warmup(path / 'model', 1)
  seeds = np.array([5, -3, 2**40])
  latents = latents_from_seeds(tf.constant(seeds), 8).numpy()
  np.savez(path / 'golden.npz', seeds=seeds, latents=latents, labels=np.array([0, 1, 2]))
  return path


def test_what_the_command_writes(files: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  flags = {'saved_model_dir': files / 'model', 'golden': files / 'golden.npz'}
  arguments = [f'--{name}={value}' for name, value in flags.items()]
  monkeypatch.setattr('sys.argv', ['replay', *arguments, f'--out={files / "out.npz"}'])
  replay.main()
  with np.load(files / 'golden.npz') as golden, np.load(files / 'out.npz') as out:
    np.testing.assert_array_equal(out['latents'], golden['latents'])
    inputs = [golden['latents'], golden['labels']]
    expected = tiny_models.generator()(inputs, training=False).numpy() / 2 + 0.5
    np.testing.assert_allclose(out['images'], expected, atol=1e-6)
    np.testing.assert_array_equal(out['pixels'], np.round(out['images'] * 255))
    assert out['pixels'].dtype == np.uint8
    assert out['num_warmup_records'] == 3
