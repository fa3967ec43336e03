"""mobile/native on this machine."""

import copy
import pathlib
import sys

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


def test_a_shared_library_may_hold_it(programs: pathlib.Path, bundle: pathlib.Path):
  program = (
    'import ctypes, sys; plugin = ctypes.CDLL(sys.argv[1]);'
    'plugin.plugin_open.restype = ctypes.c_void_p;'
    'sys.exit(not plugin.plugin_open(sys.argv[2].encode()))'
  )
  model = bundle / 'generator.tflite'
  done = building.run(sys.executable, '-c', program, programs / 'libplugin.so', model)
  assert done.returncode == 0, done.stderr


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


@pytest.mark.parametrize(
  ('labels', 'said'),
  [
    ([3], 'there are fewer labels than latents'),
    ([3, 4, 5], 'there are more labels than latents'),
    ([3, 10], 'label=10 is none of the 10'),
    (None, 'the model takes labels'),
  ],
)
def test_label_that_is_missing_or_wrong_is_one_line(
  labels: list[int] | None,
  said: str,
  programs: pathlib.Path,
  bundle: pathlib.Path,
  tmp_path: pathlib.Path,
):
  np.zeros([2, 100], np.float32).tofile(tmp_path / 'latents')
  inputs = [tmp_path / 'latents', tmp_path / 'pixels']
  if labels is not None:
    np.array(labels, np.int32).tofile(tmp_path / 'labels')
    inputs.append(tmp_path / 'labels')
  assert_one_line(programs, bundle / 'generator.tflite', *inputs, said=said)


@pytest.mark.parametrize(
  ('size', 'dtype'), [(199, np.float32), (1, np.uint8), (200 * 4 - 1, np.uint8), (101, np.float64)]
)
def test_latents_that_are_cut_short_or_of_another_type_are_one_line(
  size: int, dtype: type, programs: pathlib.Path, unlabelled: pathlib.Path, tmp_path: pathlib.Path
):
  np.zeros([size], dtype).tofile(tmp_path / 'latents')
  inputs = [tmp_path / 'latents', tmp_path / 'pixels']
  assert_one_line(programs, unlabelled, *inputs, said='LATENTS ends within a latent')


def test_a_folder_for_latents_is_one_line(
  programs: pathlib.Path, unlabelled: pathlib.Path, tmp_path: pathlib.Path
):
  inputs = [tmp_path, tmp_path / 'pixels']
  assert_one_line(programs, unlabelled, *inputs, said='LATENTS: Is a directory')


@pytest.mark.parametrize('missing', ['latents', 'labels', 'labels not given'])
def test_an_earlier_result_outlives_inputs_that_are_missing(
  missing: str, programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  np.zeros([1, 100], np.float32).tofile(tmp_path / 'latents')
  np.zeros([1], np.int32).tofile(tmp_path / 'labels')
  (tmp_path / 'pixels').write_bytes(b'earlier')
  inputs = [tmp_path / name for name in ('latents', 'pixels', 'labels')]
  if missing == 'labels not given':
    inputs.pop()
  else:
    (tmp_path / missing).unlink()
  said = {'labels not given': 'Pass LABELS'}.get(missing, f'{missing}: No such file or directory')
  assert_one_line(programs, bundle / 'generator.tflite', *inputs, said=said)
  assert (tmp_path / 'pixels').read_bytes() == b'earlier'


@pytest.mark.parametrize('num_images', [1, 100])
def test_a_full_disk_is_one_line(
  num_images: int, programs: pathlib.Path, unlabelled: pathlib.Path, tmp_path: pathlib.Path
):
  latents(num_images).tofile(tmp_path / 'latents')  # one image is written when the file is closed
  inputs = [tmp_path / 'latents', pathlib.Path('/dev/full')]
  assert_one_line(programs, unlabelled, *inputs, said='PIXELS: No space left on device')


def assert_one_line(programs: pathlib.Path, *arguments: pathlib.Path, said: str) -> None:
  done = building.run(programs / 'library/generate_pixels', *arguments)
  assert done.returncode == 1
  (line,) = [each for each in done.stderr.splitlines() if not each.startswith('INFO: ')]
  assert said in line


def other_signature(model: flatbuffer.schema.ModelT) -> None:
  model.signatureDefs[0].inputs[0].name = b'noise'


def label_twice(model: flatbuffer.schema.ModelT) -> None:
  graph, inputs = model.subgraphs[0], model.signatureDefs[0].inputs
  label = next(entry for entry in inputs if entry.name == b'label')
  graph.tensors.append(copy.deepcopy(graph.tensors[label.tensorIndex]))
  inputs.append(copy.deepcopy(label))
  inputs[-1].tensorIndex = len(graph.tensors) - 1
  graph.inputs = [*graph.inputs, len(graph.tensors) - 1]


def other_type(model: flatbuffer.schema.ModelT) -> None:
  flatbuffer.signature_tensors(model)['pixels'].type = flatbuffer.schema.TensorType.INT16


def no_info(model: flatbuffer.schema.ModelT) -> None:
  model.metadata = []


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    (label_twice, 'does not take latent (and label) and make pixels alone'),
    (other_signature, 'does not take latent (and label) and make pixels alone'),
    (other_type, 'does not take latent (and label) and make pixels alone'),
    (no_info, 'its GAN_INFO names no classes'),
  ],
)
def test_another_model_is_refused(
  change, said: str, sanitised_programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  model = flatbuffer.parse((bundle / 'generator.tflite').read_bytes())
  change(model)
  (tmp_path / '0').write_bytes(flatbuffer.pack(model))
  assert said in building.outcomes(sanitised_programs, tmp_path)[0]


@pytest.mark.parametrize('shift', range(3))  # of the cuts within a character of three bytes
def test_a_long_path_leaves_room_for_what_is_wrong(
  shift: int, sanitised_programs: pathlib.Path, tmp_path: pathlib.Path
):
  folder = tmp_path.joinpath('a' * (1 + shift), *8 * ['€' * 80])
  folder.mkdir(parents=True)
  (folder / '0').write_bytes(bytes(100))
  (folder / '1').write_bytes(seal.sealed(bytes(100)))
  unsealed, no_model = building.outcomes(sanitised_programs, folder)
  (no_digits,) = building.run(
    sanitised_programs / 'open_each', folder, '1', '€' * 999
  ).stdout.splitlines()
  assert unsealed.startswith(f'{tmp_path}/a')
  assert '€/0 does not end in its own digest: it is cut short' in unsealed
  assert unsealed.endswith('Copy the file again, or give its SHA-256 as expected_sha256.')
  assert no_model.startswith(f'LiteRT does not take {tmp_path}/a')
  assert no_model.endswith('(gan_generator_open). Use a file of the export_tflite stage.')
  assert no_digits.endswith('Take it from golden.json or sha256sum.')
  assert '\ufffd' not in unsealed + no_model + no_digits  # which stands for a broken character


def test_litert_that_does_not_start_is_no_fault_of_the_file(
  programs: pathlib.Path, bundle: pathlib.Path
):
  done = building.run(programs / 'refused_environment', bundle / 'generator.tflite')
  assert done.returncode == 0, done.stderr
  assert done.stdout.startswith('LiteRT could not start (gan_generator_open). ')


def test_sealed_rubbish_of_any_length_is_no_model(
  sanitised_programs: pathlib.Path, tmp_path: pathlib.Path
):
  # The lengths make SHA-256 pad in every way; a wrong digest would be called damage.
  for length in range(130):
    (tmp_path / str(length)).write_bytes(seal.sealed(bytes(range(length))))
  lines = building.outcomes(sanitised_programs, tmp_path)
  assert all('LiteRT does not take' in line for line in lines)
