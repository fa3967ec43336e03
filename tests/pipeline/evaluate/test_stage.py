import io
import json

import numpy as np
import PIL.Image
import pytest
import rich.console

from pipeline import errors, networks
from pipeline.config.evaluate import EvaluateConfig
from pipeline.console import Console
from pipeline.evaluate import classes, frechet, making, stage
from pipeline.evaluate.feature_net import FeatureNet
from pipeline.evaluate.reference import Reference
from pipeline.generator import load_generator, save_snapshot
from pipeline.latents import latents_from_seeds
from pipeline.networks import ModelSpec
from tests.pipeline.evaluate.conftest import write_ingest

_STEPS = (500, 1000, 10_000)  # the last sorts first by name without leading zeros


@pytest.fixture(scope='module')
def ingest(digits, tmp_path_factory):
  """300 digits, of which 60 are zeros: classes aren't equally frequent."""
  order = np.argsort(digits[1], kind='stable')
  rows = np.r_[order[:60], order[500:][:: 4500 // 240][:240]]
  folder = tmp_path_factory.mktemp('run') / 'ingest'
  return write_ingest(folder, {'train': (digits[0][rows], digits[1][rows])})


def _train(folder, network, steps=_STEPS):
  """A train artifact of untrained generators."""
  is_conditional = networks.own_conditioning(network) != 'none'
  spec = ModelSpec(
    network=network,
    latent_size=8,
    num_classes=10 if is_conditional else 0,
    class_names=tuple('0123456789') if is_conditional else (),
    image_shape=(28, 28, 1),
  )
  (folder / 'snapshots').mkdir(parents=True)
  spec.save(folder / 'model.json')
  pair = networks.build(spec)
  for step in steps:
    rng = np.random.default_rng(step)
    weights = [w + rng.normal(0, 0.02, w.shape) for w in pair.generator.get_weights()]
    path = folder / 'snapshots' / f'step-{step:06}.npz'
    save_snapshot(path, weights, pair.discriminator.get_weights())
  return folder


def _evaluate(ingest_dir, train_dir, output, **settings):
  settings = {'num_eval_images': 150, 'num_selection_images': 150} | settings
  console = Console(rich.console.Console(file=io.StringIO(), soft_wrap=True))
  inputs = {'ingest': ingest_dir, 'train': train_dir}
  output.mkdir()
  stage.evaluate(EvaluateConfig(**settings), inputs, output, console)
  return json.loads((output / 'metrics.json').read_text())


@pytest.fixture(scope='module')
def train(tmp_path_factory):
  return _train(tmp_path_factory.mktemp('run') / 'train', 'digits')


@pytest.fixture(scope='module')
def evaluated(ingest, train, tmp_path_factory):
  output = tmp_path_factory.mktemp('run') / 'evaluate'
  gates = {'min_label_agreement': 0.9, 'max_frechet_ratio': 1e9}
  return output, _evaluate(ingest, train, output, **gates)


def test_metrics_are_as_the_contract_says(evaluated, mnist_net):
  metrics = evaluated[1]
  assert metrics['feature_net'] == {
    'name': 'mnist',
    'digest': mnist_net.digest,
    'accuracy': mnist_net.accuracy,
  }
  assert metrics['reference'] == {'name': 'train', 'num_images': 150}
  assert metrics['num_images'] == metrics['num_floor_images'] == 150
  assert [candidate['step'] for candidate in metrics['candidates']] == list(_STEPS)
  names = ('frechet_distance', 'frechet_floor', 'kid', 'kid_floor', 'coverage', 'coverage_floor')
  for name in (*names, 'label_agreement', 'confident_share', 'class_entropy'):
    assert f'{name}@{mnist_net.tag}' in metrics['figures']


def test_best_snapshot_is_the_one_at_least_distance(evaluated):
  metrics = evaluated[1]
  best = min(metrics['candidates'], key=lambda candidate: candidate['frechet_distance'])
  assert metrics['step'] == best['step']
  assert metrics['snapshot'] == f'snapshots/step-{best["step"]:06}.npz'


def test_gate_tells_value_limit_and_outcome(evaluated, mnist_net):
  metrics = evaluated[1]
  agreement, ratio = metrics['gate']
  figures = metrics['figures']
  assert agreement == {
    'figure': f'label_agreement@{mnist_net.tag}',
    'value': figures[f'label_agreement@{mnist_net.tag}'],
    'limit': 0.9,
    'direction': 'min',
    'passed': False,
  }
  assert (ratio['direction'], ratio['limit'], ratio['passed']) == ('max', 1e9, True)
  assert ratio['value'] == figures[f'frechet_ratio@{mnist_net.tag}']


def test_labels_are_asked_as_often_as_in_training(evaluated):
  histogram = evaluated[1]['class_histogram']
  assert sum(histogram['asked']) == sum(histogram['read']) == 150
  assert histogram['asked'][0] == 30  # 60 of 300 are zeros
  assert max(histogram['asked'][1:]) < 20


def test_choice_and_report_use_other_images(evaluated):
  metrics = evaluated[1]
  chosen = {c['step']: c['frechet_distance'] for c in metrics['candidates']}[metrics['step']]
  reported = next(v for k, v in metrics['figures'].items() if k.startswith('frechet_distance@'))
  assert chosen != reported


def test_distance_can_be_measured_again_from_the_artifact(evaluated, train):
  """Later stages judge exports through the network and reference that the artifact holds."""
  output, metrics = evaluated
  net = FeatureNet.load(output / stage.FEATURE_NET_FILE)
  reference = Reference.load(output / stage.REFERENCE_FILE, net)
  source = load_generator(train, metrics['snapshot'])
  seeds = making.seeds_for(making.Purpose.REPORT, run_seed=0, count=150)
  labels = classes.labels_in_proportion(metrics['class_histogram']['asked'], 150, seed=0)
  images = source.images(latents_from_seeds(seeds, 8).numpy(), labels)
  features = net.features(np.round(images * 255).astype(np.uint8))
  distance = frechet.frechet_distance(reference.gaussian, frechet.gaussian(features))
  assert distance == pytest.approx(metrics['figures'][f'frechet_distance@{net.tag}'], rel=1e-3)


def test_samples_are_a_row_for_each_class(evaluated):
  with PIL.Image.open(evaluated[0] / 'samples.png') as picture:
    assert picture.size == (10 * 30 + 2, 10 * 30 + 2)


def test_same_seed_gives_the_same_figures(evaluated, ingest, train, tmp_path):
  again = _evaluate(ingest, train, tmp_path / 'again')
  for first, second in zip(evaluated[1]['candidates'], again['candidates'], strict=True):
    assert second['frechet_distance'] == pytest.approx(first['frechet_distance'], rel=1e-4)
  assert again['figures'] == pytest.approx(evaluated[1]['figures'], rel=1e-2, abs=1e-3)


def test_generator_without_labels_is_judged_without_asking(ingest, tmp_path):
  train_dir = _train(tmp_path / 'train', 'dcgan', steps=(1,))
  metrics = _evaluate(ingest, train_dir, tmp_path / 'evaluate', max_frechet_ratio=1.0)
  stems = {name.split('@')[0] for name in metrics['figures']}
  assert 'label_agreement' not in stems
  assert 'class_entropy' in stems
  assert set(metrics['class_histogram']) == {'read'}
  assert [row['passed'] for row in metrics['gate']] == [False]
  with pytest.raises(errors.ConfigError, match=r'--min_label_agreement=0\.5'):
    _evaluate(ingest, train_dir, tmp_path / 'other', min_label_agreement=0.5)


def test_no_snapshot_is_one_clear_line(ingest, tmp_path):
  with pytest.raises(errors.ArtifactError, match='holds no snapshots'):
    _evaluate(ingest, _train(tmp_path / 'train', 'digits', steps=()), tmp_path / 'evaluate')


def test_pixels_that_are_not_finite_are_refused(ingest, tmp_path):
  train_dir = _train(tmp_path / 'train', 'digits', steps=(1,))
  snapshot = 'snapshots/step-000001.npz'
  weights = load_generator(train_dir, snapshot).model.get_weights()
  save_snapshot(train_dir / snapshot, [np.full_like(w, np.nan) for w in weights], [])
  with pytest.raises(errors.ArtifactError, match='not finite'):
    _evaluate(ingest, train_dir, tmp_path / 'evaluate')
