import base64
import hashlib
import json
import pathlib

import numpy as np
import pytest

from mobile import replay
from mobile.self_test import SelfTest


def test_the_file_holds_all_that_an_app_needs(bundle: pathlib.Path):
  golden = json.loads((bundle / 'golden.json').read_text())
  Z, shape = golden['latent_size'], golden['image_shape']
  latents = np.frombuffer(base64.b64decode(golden['latents']), '<f4').reshape(16, Z)
  assert set(golden['models']) == {path.name for path in bundle.glob('*.tflite')}
  for name, expected in golden['models'].items():
    assert expected['sha256'] == hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    pixels = np.frombuffer(base64.b64decode(expected['pixels']), np.uint8).reshape(16, *shape)
    made = replay.Generator(bundle / name).pixels(latents, np.array(golden['labels']))
    np.testing.assert_array_equal(made, pixels)
    assert len(np.unique(pixels)) > 100, 'the pictures are too dull to show an error'


def test_what_is_read_is_what_was_written(bundle: pathlib.Path):
  golden = SelfTest.read(bundle / 'golden.json')
  assert golden.latents.shape[0] == len(golden.labels) == 16
  for name, expected in golden.models.items():
    made = replay.Generator(bundle / name).pixels(golden.latents, golden.labels)
    np.testing.assert_array_equal(made, expected.pixels)


@pytest.mark.parametrize('text', ['', '[]', '{"latents": ""}', '{"latents": "AAAA"}'])
def test_a_damaged_file_is_named(tmp_path: pathlib.Path, text: str):
  (tmp_path / 'golden.json').write_text(text)
  with pytest.raises(ValueError, match='is damaged'):
    SelfTest.read(tmp_path / 'golden.json')


def test_integers_are_exact_and_floats_within_one_level(bundle: pathlib.Path):
  models = json.loads((bundle / 'golden.json').read_text())['models']
  limits = {name: model['max_level_difference'] for name, model in models.items()}
  assert limits == {
    'generator.tflite': 0,
    'generator_i8.tflite': 0,
    'generator_f16.tflite': 1,
    'generator_f32.tflite': 1,
  }
