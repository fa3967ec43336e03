import dataclasses

import pytest

from pipeline import errors
from pipeline.config import TrainConfig
from pipeline.console import Console
from pipeline.networks import ModelSpec
from pipeline.train.state import Checkpoints, TrainState

SPEC = ModelSpec(
  network='digits',
  latent_size=4,
  num_classes=2,
  class_names=('a', 'b'),
  image_shape=(8, 8, 1),
)
CONFIG = TrainConfig(latent_size=4, batch_size=4)


@pytest.fixture
def saved(tmp_path):
  """A folder with checkpoints of steps 1 and 2."""
  state = TrainState.create(SPEC, CONFIG, 'float32')
  checkpoints = Checkpoints(state, tmp_path / 'checkpoints')
  for _ in range(2):
    state.step.assign_add(1)
    state.generator_optimizer.variables[1].assign_add(state.generator_optimizer.variables[1] + 1)
    checkpoints.save()
  return tmp_path / 'checkpoints', state


def restored(folder):
  state = TrainState.create(SPEC, dataclasses.replace(CONFIG, seed=1), 'float32')
  return Checkpoints(state, folder).restore(Console()), state


def damage(folder, step):
  path = folder / f'ckpt-{step}.data-00000-of-00001'
  path.write_bytes(path.read_bytes()[:100])


def test_nothing_to_restore(tmp_path):
  assert not restored(tmp_path / 'checkpoints')[0]


def test_everything_comes_back(saved):
  folder, expected = saved
  found, state = restored(folder)
  assert found
  assert int(state.step) == 2
  for name in ('average', 'pair.generator', 'pair.discriminator'):
    for actual, wanted in zip(*(_weights(s, name) for s in (state, expected)), strict=True):
      assert (actual.numpy() == wanted.numpy()).all()
  for actual, wanted in zip(
    state.generator_optimizer.variables, expected.generator_optimizer.variables, strict=True
  ):
    assert (actual.numpy() == wanted.numpy()).all(), wanted.name


def _weights(state, path):
  for name in path.split('.'):
    state = getattr(state, name)
  return state.weights


def test_a_damaged_checkpoint_falls_back_to_the_one_before_it(saved, capsys):
  folder, _ = saved
  damage(folder, 2)
  found, state = restored(folder)
  assert found
  assert int(state.step) == 1
  assert 'trying the one before it' in capsys.readouterr().out


def test_no_readable_checkpoint_is_one_clear_line(saved):
  folder, _ = saved
  damage(folder, 1)
  damage(folder, 2)
  with pytest.raises(errors.ArtifactError, match='no checkpoint can be read') as caught:
    restored(folder)
  assert '\n' not in str(caught.value)
