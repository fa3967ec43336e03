"""Every recipe, cut to a few steps, from its flagfile to a validated export."""

import json
import pathlib
import shutil

import numpy as np
import PIL.Image
import pytest

from pipeline import run
from pipeline.config.flags import parse
from pipeline.line import STAGES

RECIPES = pathlib.Path(__file__).parent.parent / 'configs' / 'recipes'
NAMES = sorted(path.stem for path in RECIPES.glob('*.flags'))
COLOUR = ('cifar10', 'faces64')
# What the recipe trains at and for is cut; what it trains is left.
QUICK = (
  '--train_steps=3',
  '--deterministic',  # as are other tests in this process
  '--batch_size=8',
  '--steps_per_loop=3',
  '--snapshot_every_steps=3',
  '--sample_every_steps=0',
  '--num_eval_images=100',
  '--num_selection_images=100',
  '--judge_fit_steps=20',
  '--num_golden_samples=4',
  '--num_int8_images=100',
  '--num_calibration_latents=8',
  '--fine_tune_steps=1',
  '--xla=off',
  '--precision=float32',
)


OFF = {  # of a recipe that does not name it
  'conditioning': 'auto',  # without labels, in these networks
  'dropout': -1.0,  # the network's own
  'spectral_norm': False,
  'minibatch': 'none',
  'label_smoothing': 0,
  'r1_gamma': 0,
  'r2_gamma': 0,
  'wgan_gp_weight': 0,
  'dragan_weight': 0,
  'mismatch_weight': 0,
  'consistency_weight': 0,
  'diversity_weight': 0,
  'instance_noise': 0,
  'augment': 'none',
  'discriminator_updates': 1,
  'generator_updates': 1,
  'discriminator_warmup_steps': 0,
  'accumulate_batches': 1,
  'learning_rate_decay': 'none',
  'clip_value': 0,
  'clip_norm': 0,
  'clip_networks': 'generator,discriminator',
  'clip_weights': 0,
  'image_size': 28,
}


def adam(generator_rate, discriminator_rate, beta1, beta2=0.999):
  return {
    'optimizer': 'adam',
    'generator_learning_rate': generator_rate,
    'discriminator_learning_rate': discriminator_rate,
    'adam_beta1': beta1,
    'adam_beta2': beta2,
  }


def schedule(batch_size, num_epochs):
  return {'batch_size': batch_size, 'train_steps': num_epochs * epoch(batch_size)}


def epoch(batch_size):
  return -(-60_000 // batch_size)


BCE = OFF | {'dataset': 'mnist', 'loss': 'non_saturating', 'latent_size': 100}
CRITIC = {'loss': 'wasserstein', 'dropout': 0, 'discriminator_updates': 5}
DCGAN = dict(
  BCE,
  network='dcgan',
  sample_grid='5x5',
  sample_every_steps=epoch(128),
  **adam(2e-4, 2e-5, 0.9),
  **schedule(128, 100),
)
TUNED = dict(
  DCGAN,
  spectral_norm=True,
  label_smoothing=0.1,
  clip_norm=1,
  clip_networks='discriminator',
  learning_rate_decay='exponential',
)
DECONV4 = dict(
  BCE,
  network='dcgan_deconv4',
  sample_grid='4x4',
  sample_every_steps=10 * epoch(64),
  **adam(2e-4, 2e-4, 0.5),
  **schedule(64, 20),
)
NUMBERS = {
  'mlp': dict(BCE, network='mlp', batch_size=32, train_steps=10_000, **adam(1e-3, 1e-3, 0.9)),
  'dcgan': DCGAN,
  'dcgan_tuned': TUNED,
  'dcgan64': dict(
    BCE,
    network='dcgan64',
    image_size=64,
    sample_grid='4x8',
    sample_every_steps=epoch(64),
    log_every_steps=100,
    **adam(2e-4, 2e-4, 0.5),
    **schedule(64, 20),
  ),
  'dcgan_deconv4': DECONV4,
  'dcgan_deconv4_warmup': DECONV4
  | dict(adam(1e-4, 2e-4, 0.5), discriminator_warmup_steps=5 * epoch(64), **schedule(64, 25)),
  'wgan_gp': DECONV4
  | dict(CRITIC, wgan_gp_weight=10, penalty_every_steps=1, train_steps=10_000, sample_every_steps=0)
  | adam(1e-4, 1e-4, 0, 0.9),
  'wgan': BCE
  | dict(CRITIC, network='dcgan', clip_weights=0.01, optimizer='rmsprop')
  | {'generator_learning_rate': 5e-5, 'discriminator_learning_rate': 5e-5},
  'dcgan_bn': dict(
    BCE,
    network='dcgan_bn',
    wgan_gp_weight=10,
    penalty_every_steps=1,
    clip_value=0.01,
    batch_size=16,
    train_steps=50_000,
    log_every_steps=1,
    sample_every_steps=500,
    sample_beside_real=True,
    **adam(2e-4, 2e-4, 0.5),
  ),
  # Beside the table's: the rate and the diversity that kept it from one picture a label.
  'cgan': TUNED
  | {'conditioning': 'projection', 'sample_grid': '10x5', 'train_steps': 20 * epoch(128)}
  | {'discriminator_learning_rate': 2e-4, 'diversity_weight': 0.3},
}


@pytest.mark.parametrize('name', NUMBERS)
def test_the_numbers_are_those_of_the_table(name):
  run_config, _ = parse([f'--flagfile={RECIPES / name}.flags'])
  found = vars(run_config.ingest) | vars(run_config.train)
  assert {setting: found[setting] for setting in NUMBERS[name]} == NUMBERS[name]


def test_there_are_all_that_the_table_lists():
  assert set(NAMES) == {
    'mlp',
    'mlp_tuned',
    'dcgan',
    'dcgan_tuned',
    'dcgan64',
    'dcgan_deconv4',
    'dcgan_deconv4_warmup',
    'wgan_gp',
    'wgan_gp_tuned',
    'wgan',
    'dcgan_bn',
    'cgan',
    'cifar10',
    'faces64',
  }


@pytest.mark.parametrize('name', NAMES)
def test_a_recipe_is_a_configuration_of_its_own_name(name):
  run_config, _ = parse([f'--flagfile={RECIPES / name}.flags'])
  assert run_config.run_dir == f'runs/{name}'
  assert run_config.push.model_name == name
  first_lines = (RECIPES / f'{name}.flags').read_text(encoding='utf-8')
  assert f'python -m pipeline.run --flagfile=configs/recipes/{name}.flags' in first_lines


@pytest.fixture(scope='module')
def colour_folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('colour')
  rng = np.random.default_rng(0)
  for i in range(40):
    # Classes that can be told apart, and of which grey, as untrained nets make it, is clearly one.
    low, high = ((0, 30), (80, 200))[i % 2]
    pixels = rng.integers(low, high, [40, 50, 3]).astype(np.uint8)
    path = folder / f'class{i % 2}' / f'{i}.png'
    path.parent.mkdir(exist_ok=True)
    PIL.Image.fromarray(pixels).save(path)
  return folder


@pytest.fixture(scope='module')
def ingested(tmp_path_factory):
  """The digits that most recipes read, ingested once."""
  run_dir = tmp_path_factory.mktemp('runs') / 'digits'
  assert run.main([f'--run_dir={run_dir}', '--dataset=mnist_sample', '--stages=ingest']) == 0
  return run_dir


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_a_recipe_trains_and_exports(name, colour_folder, ingested, tmp_path, monkeypatch, capfd):
  monkeypatch.chdir(tmp_path)
  shutil.copytree(ingested, tmp_path / 'run')
  colour = ('--dataset=image_folder', f'--data_dir={colour_folder}')
  data = colour if name in COLOUR else ('--dataset=mnist_sample',)
  settings = [*QUICK, *data]
  if 'warmup' in name:
    settings.append('--discriminator_warmup_steps=1')
  code = run.main([f'--flagfile={RECIPES / name}.flags', *settings, '--run_dir=run'])
  told = capfd.readouterr()
  assert code == 0, told.out + told.err
  for stage in STAGES:
    assert (tmp_path / 'run' / stage.name / 'MANIFEST.json').is_file()
  validation = json.loads((tmp_path / 'run/validate/validation.json').read_text())
  assert validation['passed']
