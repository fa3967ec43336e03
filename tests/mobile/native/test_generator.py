"""mobile/native on this machine."""

import pathlib

import numpy as np
import pytest

from mobile import convert, flatbuffer, replay, seal
from tests.mobile.native import building
from tests.serving import tiny_models

NAMES = tuple(convert.FILES.values())


@pytest.fixture(scope='module')
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('unlabelled') / 'generator.tflite'
  info = convert.GanInfo(
    latent_size=8,
    num_classes=0,
    class_names=(),
    image_shape=(8, 8, 3),
    version='0.1.0',
    golden_digest='ab12',
  )
  calibration = convert.Calibration(latents(100))
  generator = tiny_models.generator(num_classes=0, channels=3)
  path.write_bytes(convert.convert('int8', generator, calibration, info))
  return path


def latents(num_samples: int) -> np.ndarray:
  return np.random.default_rng(3).standard_normal([num_samples, 8]).astype(np.float32)


@pytest.mark.parametrize('name', NAMES)
def test_pixels_are_golden(
  name: str, programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  building.assert_golden([programs / 'library/generate_pixels'], bundle, name, tmp_path)


def test_a_colour_model_without_labels(
  unlabelled: pathlib.Path, programs: pathlib.Path, tmp_path: pathlib.Path
):
  program: list[str | pathlib.Path] = [programs / 'library/generate_pixels']
  pixels = building.generated(program, unlabelled, latents(5), None, tmp_path)
  expected = replay.Generator(unlabelled).pixels(latents(5), None)
  np.testing.assert_array_equal(pixels, expected.ravel())


def test_the_int8_file_takes_any_latent(
  programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  name, golden = 'generator_i8.tflite', building.golden(bundle)
  wild = golden.latents * np.geomspace(0.01, 100, 16, dtype=np.float32)[:, None]
  program: list[str | pathlib.Path] = [programs / 'library/generate_pixels']
  pixels = building.generated(program, bundle / name, wild, golden.labels, tmp_path)
  expected = replay.Generator(bundle / name).pixels(wild, golden.labels)
  np.testing.assert_array_equal(pixels, expected.ravel())


def test_the_header_keeps_its_promises(programs: pathlib.Path, bundle: pathlib.Path):
  sha256 = building.golden(bundle).sha256['generator.tflite']
  done = building.run(programs / 'contract', bundle, sha256)
  assert done.returncode == 0, done.stdout + done.stderr


def test_the_header_is_also_cpp(tmp_path: pathlib.Path):
  building.need('c++')
  headers = pathlib.Path(convert.__file__).parent / 'native'
  (tmp_path / 'a.cpp').write_text(
    '#include "gan_generator.h"\nauto info = gan_generator_get_info(nullptr);\n'
  )
  done = building.run(
    'c++', '-Wall', '-Werror', f'-I{headers}', '-fsyntax-only', tmp_path / 'a.cpp'
  )
  assert done.returncode == 0, done.stderr


def test_label_that_is_missing_or_wrong_is_one_line(
  programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  np.zeros([2, 100], np.float32).tofile(tmp_path / 'latents')
  model, inputs = bundle / 'generator.tflite', [tmp_path / 'latents', tmp_path / 'pixels']
  for labels, said in (([3], 'fewer labels than latents'), ([3, 10], 'label=10 is none of the 10')):
    np.array(labels, np.int32).tofile(tmp_path / 'labels')
    done = building.run(programs / 'library/generate_pixels', model, *inputs, tmp_path / 'labels')
    assert done.returncode == 1
    assert said in done.stderr
  done = building.run(programs / 'library/generate_pixels', model, *inputs)
  assert 'the model takes labels' in done.stderr


def other_signature(model: flatbuffer.schema.ModelT) -> None:
  model.signatureDefs[0].inputs[0].name = b'noise'


def other_type(model: flatbuffer.schema.ModelT) -> None:
  flatbuffer.signature_tensors(model)['pixels'].type = flatbuffer.schema.TensorType.INT16


def no_info(model: flatbuffer.schema.ModelT) -> None:
  model.metadata = []


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    (other_signature, 'does not take latent (and label) and make pixels alone'),
    (other_type, 'does not take latent (and label) and make pixels alone'),
    (no_info, 'its GAN_INFO names no classes'),
  ],
)
def test_another_model_is_refused(
  change, said: str, programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  model = flatbuffer.parse((bundle / 'generator.tflite').read_bytes())
  change(model)
  (tmp_path / '0').write_bytes(flatbuffer.pack(model))
  assert said in building.outcomes(programs, tmp_path)[0]


def test_sealed_rubbish_of_any_length_is_no_model(programs: pathlib.Path, tmp_path: pathlib.Path):
  # The lengths make SHA-256 pad in every way; a wrong digest would be called damage.
  for length in range(130):
    (tmp_path / str(length)).write_bytes(seal.sealed(bytes(range(length))))
  assert all('LiteRT does not take' in line for line in building.outcomes(programs, tmp_path))
