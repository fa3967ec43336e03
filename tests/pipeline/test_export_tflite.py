"""The export_tflite stage with each kind of fine-tuning, on a small generator."""

import io
import pathlib

import numpy as np
import pytest
import rich.console

from mobile import verify
from pipeline import export_tflite, golden
from pipeline import generator as generators
from pipeline.config.export import ExportTfliteConfig
from pipeline.config.golden import GoldenConfig
from pipeline.console import Console
from tests.pipeline.test_validate import LIMITS, SNAPSHOT, SPEC, make_generator, write_json


@pytest.fixture(scope='module')
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
  root = tmp_path_factory.mktemp('line')
  folders = {name: root / name for name in ('ingest', 'train', 'evaluate', 'golden')}
  for folder in folders.values():
    folder.mkdir()
  generator = make_generator()
  split = {'num_images': 30, 'class_counts': [30, 0, 0], 'pixel_mean': [1], 'pixel_std': [1]}
  facts = {'name': 'tiny', 'image_shape': [8, 8, 1], 'num_classes': 3, 'quarantined': 0}
  facts |= {'class_names': ['a', 'b', 'c'], 'splits': {'train': split | {'shards': []}}}
  write_json(folders['ingest'] / 'dataset.json', facts | {'source': {}})
  SPEC.save(folders['train'] / 'model.json')
  (folders['train'] / 'snapshots').mkdir()
  generators.save_snapshot(folders['train'] / SNAPSHOT, generator.model.get_weights(), [])
  write_json(folders['evaluate'] / 'metrics.json', {'snapshot': SNAPSHOT, 'step': 100})
  golden.make_golden(GoldenConfig(num_golden_samples=12), LIMITS, generator, 100, folders['golden'])
  return folders


@pytest.mark.slow
@pytest.mark.parametrize(
  ('settings', 'said', 'kind'),
  [
    ({'quantization': 'qat'}, 'fine-tune (qat) 2/2 steps', 'int8'),
    ({'compression': 'cluster', 'quantization': 'dynamic'}, 'fine-tune (cluster)', 'dynamic'),
  ],
)
def test_the_8_bit_files_are_fine_tuned(
  inputs: dict[str, pathlib.Path],
  tmp_path: pathlib.Path,
  settings: dict[str, str],
  said: str,
  kind: str,
):
  shown = io.StringIO()
  config = ExportTfliteConfig(num_calibration_latents=20, fine_tune_steps=2, **settings)
  export_tflite.export_tflite(config, inputs, tmp_path, Console(rich.console.Console(file=shown)))
  assert said in shown.getvalue()
  assert verify.kind((tmp_path / 'generator.tflite').read_bytes()) == kind
  assert (tmp_path / 'generator_i8.tflite').is_file() == (kind == 'int8')


def test_labels_are_drawn_as_often_as_the_data_has_them(inputs: dict[str, pathlib.Path]):
  drawn = export_tflite._samples(50, 0, make_generator(), inputs['ingest'], 0)
  np.testing.assert_array_equal(drawn.labels, np.zeros(50))
  assert drawn.latents.shape == (50, 8)
