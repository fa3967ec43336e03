"""Images on demand, from the folder of a run."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from pipeline import generate, generator, networks
from pipeline.latents import latents_from_seeds
from pipeline.networks import ModelSpec


def _run(folder: pathlib.Path, class_names: tuple[str, ...]) -> pathlib.Path:
  """A run that got as far as evaluate, with untrained networks."""
  spec = ModelSpec(
    network='mlp',
    latent_size=4,
    num_classes=len(class_names),
    class_names=class_names,
    image_shape=(8, 8, 1),
    conditioning='embedding' if class_names else 'none',
  )
  pair = networks.build(spec)
  (folder / 'train').mkdir(parents=True)
  (folder / 'evaluate').mkdir()
  spec.save(folder / 'train' / 'model.json')
  generator.save_snapshot(
    folder / 'train' / 'one.npz', pair.generator.get_weights(), pair.discriminator.get_weights()
  )
  (folder / 'evaluate' / 'metrics.json').write_text(json.dumps({'snapshot': 'one.npz'}))
  return folder


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  return _run(tmp_path_factory.mktemp('runs') / 'pets', ('cat', 'dog', '../fox'))


def _call(run_dir: pathlib.Path, *arguments: str) -> int:
  return generate.main([f'--run_dir={run_dir}', *arguments])


def test_arrays_are_those_of_the_seeds(run_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
  out = tmp_path / 'new' / 'dogs.npz'
  arguments = ['--labels=dog,0', '--count=3', '--seed=5', '--truncation=0.5', f'--out={out}']
  assert _call(run_dir, *arguments) == 0
  with np.load(out) as arrays:
    images, labels, seeds = arrays['images'], arrays['labels'], arrays['seeds']
  assert labels.tolist() == [1, 1, 1, 0, 0, 0]
  assert seeds.tolist() == [5, 6, 7, 8, 9, 10]
  latents = latents_from_seeds(tf.constant(seeds), 4).numpy() * np.float32(0.5)
  chosen = generator.load_generator(run_dir / 'train', 'one.npz')
  np.testing.assert_array_equal(images, generator.to_pixels(chosen.images(latents, labels)))


def test_picture_has_a_row_for_each_class(run_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
  assert _call(run_dir, '--count=4', f'--out={tmp_path / "all.png"}') == 0
  with PIL.Image.open(tmp_path / 'all.png') as picture:
    assert picture.size == (4 * 10 + 2, 3 * 10 + 2)


def test_folder_has_one_for_each_class(run_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
  assert _call(run_dir, '--count=2', f'--out={tmp_path / "pets"}') == 0
  found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.png')}
  # The third name would lead out of the folder.
  assert found == {
    f'pets/{name}.png' for name in ('cat/0', 'cat/1', 'dog/2', 'dog/3', '2/4', '2/5')
  }


@pytest.mark.slow
def test_libraries_say_nothing_on_the_terminal(
  run_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
  command = [sys.executable, '-m', 'pipeline.generate', f'--run_dir={run_dir}']
  done = subprocess.run(
    [*command, f'--out={tmp_path / "all.png"}'], capture_output=True, text=True, timeout=300
  )
  assert (done.returncode, done.stderr) == (0, '')


def test_without_labels(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
  run_dir = _run(tmp_path / 'run', ())
  assert _call(run_dir, '--count=5', f'--out={tmp_path / "five.npz"}') == 0
  with np.load(tmp_path / 'five.npz') as arrays:
    assert arrays['images'].shape == (5, 8, 8, 1)
  assert _call(run_dir, '--labels=1', f'--out={tmp_path / "no.npz"}') == 2
  assert 'trained without labels' in capsys.readouterr().err


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--labels=cow', '--out=x.png'], "'cow' is no class. Choose of cat, dog"),
    (['--labels=3', '--out=x.png'], "'3' is no class"),
    (['--count=0', '--out=x.png'], '--count=0'),
    (['--seed=9223372036854775807', '--out=x.png'], '--seed=9223372036854775807'),
    (['--truncation=nan', '--out=x.png'], '--truncation=nan'),
    (['--out=x.gif'], 'neither .png nor .npz'),
  ],
)
def test_mistakes_are_one_line(
  arguments: list[str],
  message: str,
  run_dir: pathlib.Path,
  tmp_path: pathlib.Path,
  monkeypatch: pytest.MonkeyPatch,
  capsys: pytest.CaptureFixture[str],
) -> None:
  monkeypatch.chdir(tmp_path)
  assert _call(run_dir, *arguments) == 2
  error = capsys.readouterr().err
  assert message in error
  assert error.count('\n') == 1
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('text', [None, '{', '[]', '{}'])
def test_a_damaged_evaluation(
  text: str | None, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
  metrics = _run(tmp_path / 'run', ()) / 'evaluate' / 'metrics.json'
  if text is None:
    metrics.unlink()
  else:
    metrics.write_text(text)
  assert _call(tmp_path / 'run', f'--out={tmp_path / "x.png"}') == 7
  error = capsys.readouterr().err
  assert f'{metrics} does not tell which snapshot was chosen' in error
  assert error.count('\n') == 1


def test_a_run_that_got_nowhere(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
  assert _call(tmp_path / 'none', f'--out={tmp_path / "x.png"}') == 2
  assert 'does not exist' in capsys.readouterr().err
