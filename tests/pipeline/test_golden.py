import io
import json
import pathlib

import numpy as np
import pytest
import rich.console
import tensorflow as tf
import tf_keras

from pipeline import errors, golden, latents
from pipeline.config.golden import GoldenConfig
from pipeline.console import Console
from pipeline.generator import Generator, load_generator, save_snapshot
from pipeline.networks import ModelSpec, build

LIMITS = {'saved_model': {'max_float_difference': 1e-4}}


def tiny_generator(num_classes: int) -> Generator:
  tf_keras.utils.set_random_seed(1)
  spec = ModelSpec(
    network='digits',
    latent_size=6,
    num_classes=num_classes,
    class_names=tuple(map(str, range(num_classes))),
    image_shape=(4, 4, 1),
  )
  x = tf_keras.Input([6])
  labels = tf_keras.Input([], dtype=tf.int32)
  inputs = [x, labels][: 2 if num_classes else 1]
  hidden = x
  if num_classes:
    one_hot = tf_keras.layers.CategoryEncoding(num_classes, 'one_hot')(labels[:, None])
    hidden = tf_keras.layers.Concatenate()([x, one_hot])
  y = tf_keras.layers.Reshape([4, 4, 1])(tf_keras.layers.Dense(16, 'tanh')(hidden))
  model = tf_keras.Model(inputs, y)
  return Generator(spec, model)


def make(folder: pathlib.Path, num_classes: int = 3, **config) -> golden.Golden:
  config = GoldenConfig(**({'num_golden_samples': 8} | config))
  golden.make_golden(config, LIMITS, tiny_generator(num_classes), 500, folder)
  return golden.Golden.load(folder)


def test_holds_what_the_generator_makes_of_its_seeds(tmp_path: pathlib.Path):
  samples = make(tmp_path)
  np.testing.assert_array_equal(
    samples.latents, latents.latents_from_seeds(tf.constant(samples.seeds), 6)
  )
  images = tiny_generator(3).images(samples.latents, samples.labels)
  np.testing.assert_array_equal(samples.images, images)
  np.testing.assert_array_equal(samples.pixels, np.round(255 * images))
  assert samples.images.dtype == np.float32
  assert samples.pixels.dtype == np.uint8
  assert samples.step == 500
  assert samples.tolerances == LIMITS


def test_labels_are_balanced(tmp_path: pathlib.Path):
  samples = make(tmp_path, num_golden_samples=11)
  assert samples.labels is not None
  assert np.ptp(np.bincount(samples.labels, minlength=3)) <= 1


def test_a_generator_without_classes_has_no_labels(tmp_path: pathlib.Path):
  assert make(tmp_path, num_classes=0).labels is None
  with np.load(tmp_path / 'golden.npz') as arrays:
    assert 'labels' not in arrays.files


def test_same_seed_same_bytes_other_seed_other_samples(tmp_path: pathlib.Path):
  digests = []
  for name, seed in (('a', 1), ('b', 1), ('c', 2)):
    (tmp_path / name).mkdir()
    digests.append(make(tmp_path / name, seed=seed).digest)
  assert digests[0] == digests[1] != digests[2]


def test_damage_is_found(tmp_path: pathlib.Path):
  make(tmp_path)
  contents = bytearray((tmp_path / 'golden.npz').read_bytes())
  contents[len(contents) // 2] ^= 1
  (tmp_path / 'golden.npz').write_bytes(contents)
  with pytest.raises(errors.ArtifactError, match='SHA-256'):
    golden.Golden.load(tmp_path)


@pytest.mark.parametrize('name', ['golden.npz', 'golden.json'])
def test_missing_file_is_named(tmp_path: pathlib.Path, name: str):
  make(tmp_path)
  (tmp_path / name).unlink()
  with pytest.raises(errors.ArtifactError, match=name):
    golden.Golden.load(tmp_path)


def test_pickles_are_not_loaded(tmp_path: pathlib.Path):
  make(tmp_path)
  with np.load(tmp_path / 'golden.npz') as arrays:
    values = dict(arrays)
  np.savez(tmp_path / 'golden.npz', **values | {'seeds': np.array([{}], object)})
  facts = json.loads((tmp_path / 'golden.json').read_text())
  facts['digest'] = golden.hashlib.sha256((tmp_path / 'golden.npz').read_bytes()).hexdigest()
  (tmp_path / 'golden.json').write_text(json.dumps(facts))
  with pytest.raises(errors.ArtifactError, match='allow_pickle'):
    golden.Golden.load(tmp_path)


def test_limits_are_those_of_the_flags():
  limits = golden.tolerances(GoldenConfig(min_int8_psnr_db=31.0, max_pixel_share_off=0.5))
  assert limits['tflite_int8']['min_psnr_db'] == 31.0
  assert limits['saved_model']['max_pixel_share_off'] == 0.5
  assert limits['saved_model']['max_float_difference'] == 1e-4


def test_stage_takes_the_snapshot_that_evaluate_chose(tmp_path: pathlib.Path):
  train, evaluate, output = (tmp_path / name for name in ('train', 'evaluate', 'golden'))
  for folder in (train / 'snapshots', evaluate, output):
    folder.mkdir(parents=True)
  spec = ModelSpec(
    network='digits', latent_size=6, num_classes=2, class_names=('a', 'b'), image_shape=(8, 8, 1)
  )
  spec.save(train / 'model.json')
  for seed, step in ((1, 5), (2, 6)):
    tf_keras.utils.set_random_seed(seed)
    pair = build(spec)
    weights = pair.generator.get_weights(), pair.discriminator.get_weights()
    save_snapshot(train / f'snapshots/step-{step:06}.npz', *weights)
  chosen = {'step': 5, 'snapshot': 'snapshots/step-000005.npz'}
  (evaluate / 'metrics.json').write_text(json.dumps(chosen))
  inputs = {'train': train, 'evaluate': evaluate}
  console = Console(rich.console.Console(file=io.StringIO()))
  golden.golden(GoldenConfig(num_golden_samples=4), inputs, output, console)
  samples = golden.Golden.load(output)
  images = load_generator(train, chosen['snapshot']).images(samples.latents, samples.labels)
  np.testing.assert_array_equal(samples.images, images)
  assert samples.step == 5
