"""A network with one layer that rounds badly: the analysis names it."""

import pathlib

import numpy as np
import PIL.Image
import pytest
import tf_keras

from mobile import convert, debug
from tests.mobile.test_qat import INFO, drawn, network


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('run')
  generator = network()
  plant_coarse_steps(generator)
  (path / 'export_tflite').mkdir()
  model = convert.convert('f32', generator, drawn(10, 0), INFO)
  (path / 'export_tflite/generator_f32.tflite').write_bytes(model)
  return path


def plant_coarse_steps(generator: tf_keras.Model) -> None:
  """One weight of the last convolution far above the rest, which then have few steps left."""
  kernel = generator.get_layer('last').kernel
  value = kernel.numpy()
  value[0, 0, 0] = 20 * np.abs(value).max()
  kernel.assign(value)


def test_the_command_names_the_layer_that_loses_most(
  run_dir: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  chart = tmp_path / 'chart.png'
  assert debug.main([f'--run_dir={run_dir}', '--float_layers=CONV_2D,7', f'--chart={chart}']) == 0
  lines = capsys.readouterr().out.splitlines()
  rows = [line.split() for line in lines[1:] if line.endswith(' dB')]
  assert rows[0][1] == 'CONV_2D'
  losses = [float(row[3]) for row in rows]
  assert losses == sorted(losses, reverse=True)
  whole, mixed = (float(line.split(':')[1].split()[0]) for line in lines[-2:])
  assert mixed > whole + 2
  with PIL.Image.open(chart) as picture:
    assert len(picture.getcolors()) > 2


@pytest.mark.parametrize(
  ('flags', 'said'),
  [
    (['--float_layers=NO_SUCH'], '--float_layers=NO_SUCH names no operation'),
    (['--run_dir=nowhere'], 'generator_f32.tflite is missing'),
  ],
)
def test_mistakes_are_one_line(
  run_dir: pathlib.Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
):
  assert debug.main([f'--run_dir={run_dir}', *flags]) == 2
  error = capsys.readouterr().err
  assert said in error
  assert error.count('\n') == 1
