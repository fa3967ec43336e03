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
