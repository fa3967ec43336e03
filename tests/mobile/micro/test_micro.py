"""The bundle's integer file in TFLite Micro itself."""

import base64
import hashlib
import json
import pathlib
import shutil
import sys

import numpy as np
import pytest

from mobile import flatbuffer, model_files, self_test
from mobile.micro import __main__ as program
from mobile.micro import check

PYTHON = pathlib.Path(__file__).parents[3] / '.venv-micro/bin/python'

needs_tflite_micro = pytest.mark.skipif(
  not PYTHON.is_file(), reason=f'no TFLite Micro: {program.MAKE_ENVIRONMENT}'
)


@pytest.fixture
def copy(bundle: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  return pathlib.Path(shutil.copytree(bundle, tmp_path / 'bundle'))


def command(bundle: pathlib.Path, python: pathlib.Path = PYTHON) -> int:
  return program.main([f'--bundle={bundle}', f'--python={python}'])


def change_golden(bundle: pathlib.Path, **changes: str) -> None:
  """Changes what golden.json tells of the integer file."""
  golden = json.loads((bundle / self_test.FILE).read_text())
  golden['models'][model_files.I8] |= changes
  (bundle / self_test.FILE).write_text(json.dumps(golden))


@needs_tflite_micro
def test_it_draws_what_litert_draws(bundle: pathlib.Path):
  result = check.check(bundle, PYTHON)
  assert result.from_litert.steps <= 1
  assert result.from_litert.levels <= 4
  assert result.from_litert.share < 0.002
  assert result.from_golden.steps <= 2
  assert result.from_golden.levels <= 8
  assert 0 < result.from_golden.share < 0.35  # of untrained pictures, which are grey all over
  # The largest maps that live side by side, and not much more than all maps together.
  assert 14 * 14 * (48 + 48) < result.arena_bytes < 200_000


@needs_tflite_micro
def test_what_the_command_prints_is_for_a_firmware(
  bundle: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  assert command(bundle) == 0
  said = capsys.readouterr().out
  assert 'bytes at least' in said
  assert 'MicroMutableOpResolver<7> resolver;' in said
  for operation in ('Gather', 'FullyConnected', 'Conv2D', 'DepthToSpace', 'Tanh'):
    assert f'resolver.Add{operation}();' in said


@needs_tflite_micro
def test_the_distance_from_golden_is_measured(copy: pathlib.Path):
  black = np.zeros(16 * 28 * 28, np.uint8)
  change_golden(copy, pixels=base64.b64encode(black).decode())
  result = check.check(copy, PYTHON)
  assert result.from_golden.levels > 200
  assert result.from_golden.steps > 100
  assert result.from_litert.steps <= 1


@needs_tflite_micro
def test_pictures_that_are_wrong_are_an_error(
  bundle: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
  by_litert = check._by_litert
  monkeypatch.setattr(check, '_by_litert', lambda *inputs: by_litert(*inputs) // 2)
  assert command(bundle) == 5
  assert "of the model's levels from LiteRT's, more than 1 (micro)" in capsys.readouterr().err


@needs_tflite_micro
@pytest.mark.parametrize(('change', 'exit_code'), [(1, 0), (32, 5)])
def test_pictures_far_from_golden_are_an_error(
  copy: pathlib.Path, capsys: pytest.CaptureFixture[str], change: int, exit_code: int
):
  pixels = self_test.SelfTest.read(copy / self_test.FILE).models[model_files.I8].pixels.copy()
  place = np.unravel_index(pixels.argmin(), pixels.shape)
  pixels[place] += change
  change_golden(copy, pixels=base64.b64encode(pixels.tobytes()).decode())
  assert command(copy) == exit_code
  said = capsys.readouterr().err
  assert ('grey levels from golden.json, more than 16 (micro)' in said) == bool(exit_code)


@needs_tflite_micro
def test_an_operation_that_tflite_micro_lacks_is_named(
  copy: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  model = flatbuffer.parse((copy / model_files.I8).read_bytes())
  look_up = model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex]
  look_up.builtinCode = look_up.deprecatedBuiltinCode = 85  # ONE_HOT
  contents = flatbuffer.pack(model)
  (copy / model_files.I8).write_bytes(contents)
  change_golden(copy, sha256=hashlib.sha256(contents).hexdigest())
  assert command(copy) == 7
  said = capsys.readouterr().err
  assert "Didn't find op for builtin opcode 'ONE_HOT'" in said
  assert said.count('\n') == 1


def test_a_missing_environment_is_told_how_to_make(
  bundle: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  assert command(bundle, tmp_path / 'python') == 2
  said = capsys.readouterr().err
  requirements = pathlib.Path(said.rpartition(' -r ')[2].strip())
  assert requirements.read_text().startswith('tflite-micro==')


def test_a_file_that_is_no_program_is_one_line(
  bundle: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  assert command(bundle, bundle / self_test.FILE) == 2
  assert 'golden.json is no program (micro)' in capsys.readouterr().err


def no_bundle(folder: pathlib.Path) -> None:
  (folder / self_test.FILE).unlink()


def no_integers(folder: pathlib.Path) -> None:
  (folder / model_files.I8).unlink()


def a_damaged_file(folder: pathlib.Path) -> None:
  path = folder / model_files.I8
  path.write_bytes(path.read_bytes()[:1000])


def a_file_that_golden_does_not_know(folder: pathlib.Path) -> None:
  golden = json.loads((folder / self_test.FILE).read_text())
  del golden['models'][model_files.I8]
  (folder / self_test.FILE).write_text(json.dumps(golden))


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    (no_bundle, 'golden.json: No such file'),
    (no_integers, 'generator_i8.tflite: No such file'),
    (a_damaged_file, 'SHA-256 of generator_i8.tflite is'),
    (a_file_that_golden_does_not_know, 'golden.json tells nothing of generator_i8.tflite'),
  ],
)
def test_a_folder_that_is_no_bundle_is_one_line(
  change, said: str, copy: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  change(copy)
  assert command(copy, pathlib.Path(sys.executable)) == 7
  error = capsys.readouterr().err
  assert said in error
  assert 'Pass a bundle of --quantization=ptq or qat' in error
  assert error.count('\n') == 1
