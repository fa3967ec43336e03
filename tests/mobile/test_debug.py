"""A network with one layer that rounds badly: the analysis names it."""

import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tf_keras

from mobile import convert, debug, gan_info, model_files, replay, seal, verify
from mobile.quantization_loss import Loss, table
from mobile.requantization import Operation
from pipeline import comparison
from pipeline.config.export import ExportTfliteConfig
from pipeline.config.run import RunConfig, to_json
from tests.mobile.test_qat import INFO, drawn, network


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('run')
  generator = network()
  plant_coarse_steps(generator)
  (path / 'export_tflite').mkdir()
  for kind in ('f32', 'int8'):
    model = convert.convert(kind, generator, drawn(100, 0), INFO)
    (path / 'export_tflite' / convert.FILES[kind]).write_bytes(model)
  write_settings(path, quantization='ptq')
  return path


def write_settings(path: pathlib.Path, quantization: str) -> None:
  config = RunConfig(export_tflite=ExportTfliteConfig(quantization=quantization))
  (path / 'run.json').write_text(to_json(config))


def plant_coarse_steps(generator: tf_keras.Model) -> None:
  """One weight of the last convolution far above the rest, which then have few steps left."""
  kernel = generator.get_layer('last').kernel
  value = kernel.numpy()
  value[0, 0, 0] = 20 * np.abs(value).max()
  kernel.assign(value)


def test_the_command_names_the_layer_that_loses_most(
  run_dir: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  assert debug.main([f'--run_dir={run_dir}', '--float_layers=CONV_2D,7']) == 0
  lines = capsys.readouterr().out.splitlines()
  rows = [line.split() for line in lines[1:] if line.endswith(' dB')]
  assert rows[0][1] == 'CONV_2D'
  losses = [float(row[-4]) for row in rows]
  assert losses == sorted(losses, reverse=True)
  whole, mixed = (float(line.split(':')[1].split()[0]) for line in lines[-2:])
  assert mixed > whole + 2
  with PIL.Image.open(run_dir / 'debug' / 'quantization_loss.png') as picture:
    assert len(picture.getcolors()) > 2


def test_what_is_in_int8_together_counts_once():
  losses = [
    Loss(Operation(number, kind, (1,), str(number)), squared_levels)
    for number, (kind, squared_levels) in enumerate([*2 * [('TRANSPOSE_CONV', 3.0)], ('TANH', 1.0)])
  ]
  shares = [re.search(r'[\d.]+%', line)[0] for line in table(losses).splitlines()[1:]]
  assert shares == ['75.0%', '75.0%', '25.0%']


def test_a_run_whose_file_was_made_in_another_way_is_told(
  run_dir: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  shutil.copytree(run_dir, tmp_path / 'tuned')
  write_settings(tmp_path / 'tuned', quantization='qat')
  assert debug.main([f'--run_dir={tmp_path / "tuned"}']) == 0
  told = capsys.readouterr().out.splitlines()[-1]
  assert told.endswith('generator.tflite of this run was made by --quantization=qat.')


@pytest.mark.slow
def test_libraries_say_nothing_on_the_terminal(run_dir: pathlib.Path, tmp_path: pathlib.Path):
  command = [sys.executable, '-m', 'mobile.debug', f'--run_dir={run_dir}']
  done = subprocess.run(
    [*command, f'--chart={tmp_path / "chart.png"}'], capture_output=True, text=True, timeout=300
  )
  assert (done.returncode, done.stderr) == (0, '')


def pixels(path: pathlib.Path) -> np.ndarray:
  test = drawn(50, 1)
  return replay.Generator(path).pixels(test.latents, test.labels)


def test_a_file_with_layers_in_float_plays_and_is_nearer_to_float(
  run_dir: pathlib.Path, tmp_path: pathlib.Path
):
  mixed, chart = tmp_path / 'mixed.tflite', tmp_path / 'chart.png'
  flags = ['--float_layers=CONV_2D,TANH', f'--out={mixed}', f'--chart={chart}']
  assert debug.main([f'--run_dir={run_dir}', *flags]) == 0
  exact = pixels(run_dir / 'export_tflite' / model_files.F32)
  whole = comparison.psnr_db(pixels(run_dir / 'export_tflite' / model_files.MAIN), exact)
  assert comparison.psnr_db(pixels(mixed), exact).mean() > whole.mean() + 2
  contents = mixed.read_bytes()
  assert gan_info.read(contents).class_names == INFO.class_names
  assert contents == seal.sealed(contents[: -len(seal.sealed(b''))])
  wanted = {'latent_size': 8, 'num_classes': 3, 'image_shape': (8, 8, 1)}
  assert not verify.problems(contents, **wanted, io_types=verify.FLOAT_IO, is_int8=False)


@pytest.mark.parametrize(
  ('flags', 'said'),
  [
    (['--float_layers=NO_SUCH'], '--float_layers=NO_SUCH names no operation'),
    (['--run_dir=nowhere'], 'generator_f32.tflite is missing'),
    (['--out=no/such/folder.tflite'], 'no/such/folder.tflite: No such file or directory'),
    (['--chart=no/such/chart.png'], 'no/such/chart.png: No such file or directory'),
  ],
)
def test_mistakes_are_one_line(
  run_dir: pathlib.Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
):
  assert debug.main([f'--run_dir={run_dir}', *flags]) == 2
  error = capsys.readouterr().err
  assert said in error
  assert error.count('\n') == 1


def test_a_damaged_file_is_one_line(
  run_dir: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
  whole = (run_dir / 'export_tflite' / model_files.F32).read_bytes()
  damaged = tmp_path / 'export_tflite' / model_files.F32
  damaged.parent.mkdir()
  for contents in (whole[: len(whole) // 2], b'', whole[:5000] + b'?' + whole[5001:]):
    damaged.write_bytes(contents)
    assert debug.main([f'--run_dir={tmp_path}']) == 7
    error = capsys.readouterr().err
    assert f'{damaged} is damaged (mobile.debug).' in error
    assert error.count('\n') == 1


@pytest.mark.parametrize(
  ('contents', 'exit_code', 'said'),
  [
    (None, 2, 'is missing'),
    (b'', 7, 'is damaged'),
    (b'{"export_tflite": {"quant', 7, 'is damaged'),
    (b'\xff', 7, 'is damaged'),
    (b'{}', 7, 'is damaged'),
    (b'[1]', 7, 'is damaged'),
    (b'{"export_tflite": {"quantization": "ptq"}}', 7, 'is damaged'),
  ],
)
def test_settings_that_cannot_be_read_are_one_line_before_the_analysis(
  run_dir: pathlib.Path,
  tmp_path: pathlib.Path,
  capsys: pytest.CaptureFixture[str],
  contents: bytes | None,
  exit_code: int,
  said: str,
):
  (tmp_path / 'export_tflite').symlink_to(run_dir / 'export_tflite')
  if contents is not None:
    (tmp_path / 'run.json').write_bytes(contents)
  assert debug.main([f'--run_dir={tmp_path}', f'--out={tmp_path / "mixed.tflite"}']) == exit_code
  printed = capsys.readouterr()
  assert printed.err.startswith(f'{tmp_path / "run.json"} {said}')
  assert printed.err.endswith('or choose another --run_dir.\n')
  assert printed.err.count('\n') == 1
  assert printed.out == ''
  assert not (tmp_path / 'mixed.tflite').exists()
