"""The bundle's integer file in TFLite Micro itself."""

import base64
import json
import pathlib
import shutil

import numpy as np
import pytest

from mobile import flatbuffer
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


@needs_tflite_micro
def test_it_draws_what_litert_draws(bundle: pathlib.Path):
  result = check.check(bundle, PYTHON)
  assert result.steps_off <= 1
  assert result.golden_steps_off <= 3
  assert 0 < result.golden_share_off < 0.5
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
  golden = json.loads((copy / 'golden.json').read_text())
  black = np.zeros(16 * 28 * 28, np.uint8)
  golden['models'][check.MODEL]['pixels'] = base64.b64encode(black).decode()
  (copy / 'golden.json').write_text(json.dumps(golden))
  result = check.check(copy, PYTHON)
  assert result.golden_levels_off > 200
  assert result.golden_steps_off > 100
  assert result.steps_off <= 1


@needs_tflite_micro
def test_pictures_that_are_wrong_are_an_error(
  bundle: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  by_litert = check._by_litert
  monkeypatch.setattr(check, '_by_litert', lambda *inputs: by_litert(*inputs) // 2)
  assert command(bundle) == 5


@needs_tflite_micro
def test_an_operation_that_tflite_micro_lacks_is_named(
  copy: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  model = flatbuffer.parse((copy / check.MODEL).read_bytes())
  look_up = model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex]
  look_up.builtinCode = look_up.deprecatedBuiltinCode = 85  # ONE_HOT
  (copy / check.MODEL).write_bytes(flatbuffer.pack(model))
  assert command(copy) == 7
  said = capsys.readouterr().err
  assert "Didn't find op for builtin opcode 'ONE_HOT'" in said
  assert said.count('\n') == 1


def test_a_missing_environment_is_told_how_to_make(
  bundle: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  assert command(bundle, tmp_path / 'python') == 2
  assert 'pip install -r mobile/micro/requirements.txt' in capsys.readouterr().err


@needs_tflite_micro
def test_a_folder_that_is_no_bundle_is_one_line(
  tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  assert command(tmp_path) == 7
  assert 'golden.json: No such file' in capsys.readouterr().err
