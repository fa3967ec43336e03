"""Real exports of a small generator, each replayed in a process of its own."""

import dataclasses
import io
import json
import pathlib
import shutil

import numpy as np
import PIL.Image
import pytest
import rich.console
import tensorflow as tf
import tf_keras

import mobile.convert
import serving.export
import serving.replay
import serving.warmup
from pipeline import comparison, golden, latents, replays, validate
from pipeline import generator as generators
from pipeline.config.golden import GoldenConfig
from pipeline.config.validate import ValidateConfig
from pipeline.console import Console
from pipeline.evaluate import feature_model, feature_net
from pipeline.evaluate.reference import Reference
from pipeline.networks import ModelSpec, build_discriminator, build_generator

SPEC = ModelSpec(
  network='digits',
  latent_size=8,
  num_classes=3,
  class_names=('a', 'b', 'c'),
  image_shape=(8, 8, 1),
)
LIMITS = {
  'saved_model': {
    'max_float_difference': 1e-4,
    'max_pixel_share_off': 0.001,
    'max_level_difference': 1,
    'max_latent_share_off': 0,
  },
  'tflite_f32': {'max_level_difference': 1},
  'tflite_f16': {'min_psnr_db': 40.0},
  'tflite_int8': {
    'min_psnr_db': 25.0,
    'min_label_agreement': 0.5,  # the judge of these pictures has seen no picture
    'max_frechet_increase': 0.5,
    'max_size_ratio': 0.5,
  },
}
SNAPSHOT = 'snapshots/step-000100.npz'
WRONG_WEIGHT = 3.0  # of a kernel whose weights are below 0.5


@dataclasses.dataclass
class Line:
  """Artifacts of every stage before validate."""

  inputs: dict[str, pathlib.Path]
  generator: generators.Generator

  def tflite(self, name: str) -> pathlib.Path:
    return self.inputs['export_tflite'] / name


def make_generator() -> generators.Generator:
  tf_keras.utils.set_random_seed(3)
  model = build_generator(SPEC)
  for variable in model.trainable_variables:
    if 'gamma' in variable.name:  # fresh weights make grey pictures; these make some contrast
      variable.assign(2.5 * variable)
  return generators.Generator(SPEC, model)


def test_the_generator_makes_pictures(line: 'Line'):
  pixels = golden.Golden.load(line.inputs['golden']).pixels
  assert 30 < pixels.std() < 100


def plant_wrong_weight(generator: generators.Generator) -> None:
  kernel = [v for v in generator.model.trainable_variables if 'kernel' in v.name][-1]
  value = kernel.numpy()
  value[1, 1, 6, 0] += WRONG_WEIGHT
  kernel.assign(value)


def write_json(path: pathlib.Path, value: object) -> None:
  path.write_text(json.dumps(value))


RUN_DISTANCE = 0.25  # that evaluate reports


def write_judge(folder: pathlib.Path, generator: generators.Generator) -> None:
  labels = np.arange(60) % 3
  rows = latents.latents_from_seeds(tf.range(60, dtype=tf.int64) + 10**7, 8).numpy()
  pixels = generators.to_pixels(generator.images(rows, labels))
  fresh = feature_model.build_feature_model((8, 8, 1), 3, seed=0)
  model = feature_net.from_model(fresh, 'fresh', True, pixels, labels)
  model.save(folder / 'feature_net.npz')
  Reference.of('train', model, model.features(pixels)).save(folder / 'reference.npz')
  figures = {f'frechet_distance@{model.tag}': RUN_DISTANCE}
  write_json(folder / 'metrics.json', {'snapshot': SNAPSHOT, 'step': 100, 'figures': figures})


def convert(kind: str, generator: generators.Generator) -> bytes:
  rows = latents.latents_from_seeds(tf.range(100, dtype=tf.int64) + 10**6, 8).numpy()
  info = mobile.convert.GanInfo(
    latent_size=8,
    num_classes=3,
    class_names=SPEC.class_names,
    image_shape=SPEC.image_shape,
    version='0',
    golden_digest='0',
  )
  calibration = mobile.convert.Calibration(rows, np.arange(100) % 3)
  return mobile.convert.convert(kind, generator.model, calibration, info)


def export_saved_model(folder: pathlib.Path, generator: generators.Generator) -> None:
  serving.export.export_saved_model(
    folder,
    generator=generator.model,
    discriminator=build_discriminator(SPEC),
    latents_from_seeds=latents.latents_from_seeds,
    num_classes=3,
  )
  serving.warmup.write_warmup(folder, 1)


@pytest.fixture(scope='module')
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
  root = tmp_path_factory.mktemp('line')
  names = ('ingest', 'train', 'evaluate', 'golden', 'export_saved_model', 'export_tflite')
  inputs = {name: root / name for name in names}
  for folder in inputs.values():
    folder.mkdir()
  generator = make_generator()
  split = {'num_images': 30, 'class_counts': [10, 12, 8], 'pixel_mean': [1], 'pixel_std': [1]}
  facts = {'name': 'tiny', 'image_shape': [8, 8, 1], 'num_classes': 3, 'class_names': ['a', 'b']}
  facts |= {'splits': {'train': split | {'shards': []}}, 'quarantined': 0, 'source': {}}
  write_json(inputs['ingest'] / 'dataset.json', facts | {'class_names': ['a', 'b', 'c']})
  SPEC.save(inputs['train'] / 'model.json')
  (inputs['train'] / 'snapshots').mkdir()
  generators.save_snapshot(inputs['train'] / SNAPSHOT, generator.model.get_weights(), [])
  config = GoldenConfig(num_golden_samples=12)
  golden.make_golden(config, LIMITS, generator, 100, inputs['golden'])
  write_judge(inputs['evaluate'], generator)
  export_saved_model(inputs['export_saved_model'], generator)
  for kind, name in mobile.convert.FILES.items():
    (inputs['export_tflite'] / name).write_bytes(convert(kind, generator))
  return Line(inputs, generator)


@pytest.fixture(scope='module')
def validator(line: Line, tmp_path_factory: pytest.TempPathFactory) -> validate.Validator:
  folder = tmp_path_factory.mktemp('validator')
  judge = validate.Judge.make(line.inputs, 100)
  replays.save_samples(folder / 'extra.npz', judge.latents, judge.labels)
  samples = golden.Golden.load(line.inputs['golden'])
  golden_file = line.inputs['golden'] / 'golden.npz'
  return validate.Validator(samples, golden_file, judge, folder / 'extra.npz', folder)


def picture_size(path: pathlib.Path) -> tuple[int, int]:
  with PIL.Image.open(path) as picture:
    return picture.size


def failed(model: dict) -> dict[str, dict]:
  return {result['check']: result for result in model['checks'] if not result['passed']}


@pytest.mark.slow
def test_stage_passes_right_exports_and_writes_all(line: Line, tmp_path: pathlib.Path):
  console = Console(rich.console.Console(file=io.StringIO()))
  validate.validate(ValidateConfig(num_int8_images=100), line.inputs, tmp_path, console)
  validation = json.loads((tmp_path / 'validation.json').read_text())
  assert comparison.failures(validation) == []
  assert validation['passed']
  assert validation['server'] == 'python -m serving.server'
  names = ['saved_model', 'server', 'generator', 'generator_i8', 'generator_f32', 'generator_f16']
  assert [model['name'] for model in validation['models']] == names
  sizes = [picture_size(tmp_path / f'{name}.png') for name in ['golden', *names]]
  assert len(set(sizes)) == 1


@pytest.mark.slow
def test_stage_writes_all_of_a_failure(line: Line, tmp_path: pathlib.Path):
  broken = tmp_path / 'export_tflite'
  shutil.copytree(line.inputs['export_tflite'], broken)
  (broken / 'generator.tflite').write_bytes(b'no model')
  inputs = line.inputs | {'export_tflite': broken}
  console = Console(rich.console.Console(file=io.StringIO()))
  (tmp_path / 'out').mkdir()
  validate.validate(ValidateConfig(num_int8_images=100), inputs, tmp_path / 'out', console)
  validation = json.loads((tmp_path / 'out' / 'validation.json').read_text())
  assert not validation['passed']
  (said,) = comparison.failures(validation)
  assert said.startswith('generator.tflite: can not be run: ')
  assert (tmp_path / 'out' / 'generator_i8.png').is_file()


def test_saved_model_passes_and_a_planted_wrong_weight_does_not(
  line: Line,
  validator: validate.Validator,
  tmp_path: pathlib.Path,
  monkeypatch: pytest.MonkeyPatch,
):
  # In this process, which has TensorFlow up already; the slow tests use a fresh one.
  monkeypatch.setattr(replays, 'saved_model', serving.replay.replay)
  right = validator.model(validator.saved_model, line.inputs['export_saved_model'])
  assert failed(right) == {}
  wrong = make_generator()
  plant_wrong_weight(wrong)
  export_saved_model(tmp_path / 'wrong', wrong)
  found = failed(validator.model(validator.saved_model, tmp_path / 'wrong'))
  assert set(found) == {'max_float_difference', 'max_level_difference', 'max_pixel_share_off'}
  worst = found['max_float_difference']
  images = wrong.images(validator.golden.latents, validator.golden.labels)
  difference = np.abs(images - validator.golden.images).max(axis=(1, 2, 3))
  assert worst['worst_sample'] == difference.argmax()
  assert worst['worst_label'] == difference.argmax() % 3
  assert worst['value'] == pytest.approx(difference.max(), rel=1e-4)


@pytest.mark.slow
def test_a_server_passes_and_one_of_another_model_does_not(
  line: Line, validator: validate.Validator, tmp_path: pathlib.Path
):
  assert failed(validator.model(validator.served, line.inputs['export_saved_model'])) == {}
  wrong = make_generator()
  plant_wrong_weight(wrong)
  export_saved_model(tmp_path / 'wrong', wrong)
  found = failed(validator.model(validator.served, tmp_path / 'wrong'))
  assert set(found) == {'max_float_difference', 'max_level_difference', 'max_pixel_share_off'}


@pytest.mark.slow
def test_a_model_that_no_server_loads_is_one_line(
  validator: validate.Validator, tmp_path: pathlib.Path
):
  (tmp_path / 'wrong').mkdir()
  (tmp_path / 'wrong' / 'saved_model.pb').write_bytes(b'no graph')
  (check,) = validator.model(validator.served, tmp_path / 'wrong')['checks']
  assert 'did not come up. It said: ' in check['message']
  assert 'Failed to start server' in check['message']


def test_the_worse_of_two_protocols_counts():
  wanted = np.array([0.5, 0.5, 0.5], np.float32)
  first, second = np.array([0.5, 0.7, 0.2]), np.array([0.4, 0.5, 0.5])
  np.testing.assert_array_equal(validate._farther(first, second, wanted), [0.4, 0.7, 0.2])
  none = np.full(3, np.nan)
  for pair in ((none, second), (first, none)):
    assert np.isnan(validate._farther(*pair, wanted)).all()


@pytest.mark.parametrize(
  ('kind', 'check'),
  [('f32', 'max_level_difference'), ('f16', 'min_psnr_db'), ('int8', 'min_psnr_db')],
)
def test_tflite_passes_and_a_planted_wrong_weight_does_not(
  line: Line, validator: validate.Validator, tmp_path: pathlib.Path, kind: str, check: str
):
  measure = getattr(validator, f'tflite_{kind}')
  name = mobile.convert.FILES[kind]
  assert failed(validator.model(measure, line.tflite(name))) == {}
  shutil.copytree(line.inputs['export_tflite'], tmp_path / 'wrong')
  wrong = make_generator()
  plant_wrong_weight(wrong)
  (tmp_path / 'wrong' / name).write_bytes(convert(kind, wrong))
  model = validator.model(measure, tmp_path / 'wrong' / name)
  assert check in failed(model)
  said = comparison.failures({'models': [model]})[0]
  assert said.startswith(f'{name}: ')
  assert 'worst golden sample' in said


@pytest.mark.parametrize(
  ('kind', 'measure'), [('int8', 'tflite_int8'), ('f32', 'tflite_f32'), ('f16', 'tflite_f16')]
)
def test_generator_tflite_is_held_against_the_limits_of_its_kind(
  line: Line, validator: validate.Validator, tmp_path: pathlib.Path, kind: str, measure: str
):
  shutil.copytree(line.inputs['export_tflite'], tmp_path / 'tflite')
  (tmp_path / 'tflite/generator.tflite').write_bytes(
    line.tflite(mobile.convert.FILES[kind]).read_bytes()
  )
  if kind != 'int8':
    (tmp_path / 'tflite/generator_i8.tflite').unlink()
  exports = validate._exports(validator, line.inputs | {'export_tflite': tmp_path / 'tflite'})
  found = {path.name: chosen.__name__ for chosen, path in exports}
  assert found['generator.tflite'] == measure
  assert ('generator_i8.tflite' in found) == (kind == 'int8')


def test_int8_figures_are_those_of_the_judge(line: Line, validator: validate.Validator):
  checks, pixels = validator.tflite_int8(line.tflite('generator.tflite'))
  by_name = {result['check']: result for result in checks}
  assert set(by_name) == set(LIMITS['tflite_int8'])
  frechet = by_name['max_frechet_increase']
  growth = frechet['frechet_distance'] - frechet['float32_frechet_distance']
  assert frechet['value'] == pytest.approx(growth / RUN_DISTANCE)
  assert frechet['run_frechet_distance'] == RUN_DISTANCE
  assert frechet['num_images'] == 100
  sizes = [line.tflite(name).stat().st_size for name in mobile.convert.FILES.values()]
  assert by_name['max_size_ratio']['value'] == pytest.approx(sizes[0] / sizes[2])
  assert pixels.shape == (12, 8, 8, 1)


def test_picture_of_another_shape_is_a_failure(
  line: Line, validator: validate.Validator, tmp_path: pathlib.Path
):
  with np.load(validator.golden_file) as arrays:
    np.savez(tmp_path / 'golden.npz', **dict(arrays) | {'pixels': np.zeros([12, 9, 9, 1])})
  other = dataclasses.replace(validator, golden_file=tmp_path / 'golden.npz')
  model = other.model(other.tflite_f32, line.tflite('generator_f32.tflite'))
  assert 'makes pictures of shape (12, 8, 8, 1)' in comparison.failures({'models': [model]})[0]
