"""The page tells of the files that there are, whatever --quantization made."""

import json
import pathlib

import numpy as np
import pytest

from mobile import bundle, convert, model_files, self_test
from pipeline import comparison
from tests.mobile.tiny_info import INFO
from tests.serving import tiny_models


@pytest.mark.parametrize(
  ('quantization', 'inside'),
  [
    ('ptq', 'int8'),
    ('dynamic', 'int8 weights'),
    ('float16', 'float16 weights'),
    ('none', 'float32'),
  ],
)
def test_the_page_names_no_file_that_is_not_there(
  tmp_path: pathlib.Path, quantization: str, inside: str
):
  export, out = tmp_path / 'export', tmp_path / 'out'
  export.mkdir()
  write_files(export, quantization)
  write_validation(tmp_path / 'validation.json', export)
  bundle.assemble(export, tmp_path / 'validation.json', out)
  page = (out / 'README.md').read_text()
  assert f'| `{model_files.MAIN}` | {inside} |' in page
  assert (model_files.I8 in page) == (out / model_files.I8).is_file() == (quantization == 'ptq')
  assert ('mobile/micro' in page) == (quantization == 'ptq')
  assert '| – | – |' in page
  assert 'A dash: not measured.' in page
  assert '**No phone ever ran them**' in page


def write_files(export: pathlib.Path, quantization: str) -> None:
  latents = np.random.default_rng(0).standard_normal([16, 8]).astype(np.float32)
  labels = np.arange(16) % 3
  convert.export_tflite(
    export,
    generator=tiny_models.generator(),
    calibration=convert.Calibration(latents, labels),
    info=INFO,
    quantization=quantization,
  )
  self_test.write(export, latents, labels)


def write_validation(path: pathlib.Path, export: pathlib.Path) -> None:
  """Likeness alone, as for files in floating point."""
  checks = [comparison.check('min_psnr_db', 50, 40, 'dB')]
  models = [{'file': file.name, 'checks': checks} for file in export.glob('*.tflite')]
  path.write_text(json.dumps({'models': models}))
