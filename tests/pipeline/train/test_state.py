import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipeline import errors
from pipeline.config.train import TrainConfig
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
  checkpoints = Checkpoints(state, tmp_path / 'checkpoints', Console())
  for _ in range(2):
    state.step.assign_add(1)
    state.generator_optimizer.variables[1].assign_add(state.generator_optimizer.variables[1] + 1)
    checkpoints.save()
  return tmp_path / 'checkpoints', state


def restored(folder):
  state = TrainState.create(SPEC, dataclasses.replace(CONFIG, seed=1), 'float32')
  return Checkpoints(state, folder, Console()).restore(), state


def tensors(folder):
  """Everything in the newest checkpoint, by name."""
  reader = tf.train.load_checkpoint(str(folder))
  names = [name for name, _ in tf.train.list_variables(str(folder)) if '.ATTRIBUTES' in name]
  return {name: reader.get_tensor(name) for name in names if 'save_counter' not in name}


def test_nothing_is_left_out_and_all_of_it_comes_back(tmp_path):
  config = dataclasses.replace(CONFIG, augment='ada')
  state = TrainState.create(SPEC, config, 'mixed_float16')
  for name in ('generator', 'discriminator'):
    variables = getattr(state.pair, name).trainable_variables
    optimizer = getattr(state, f'{name}_optimizer')
    for size in (1.0, np.inf):  # the second halves the loss scale
      gradients = optimizer.get_unscaled_gradients([tf.fill(v.shape, size) for v in variables])
      optimizer.apply_gradients(zip(gradients, variables, strict=True))
  state.average.set_weights([weight + 1 for weight in state.average.get_weights()])
  state.augment_probability.assign(0.25)
  state.step.assign(7)
  state.seconds.assign(8.5)
  state.waited_seconds.assign(0.5)
  state.interval.add(3, {'loss': 0.5}, seconds=1.0, waited_s=0.1)
  state.best_ratios.fallen(config, 7, {'spread_ratio': 0.75})
  Checkpoints(state, tmp_path / 'first', Console()).save()
  other = TrainState.create(SPEC, dataclasses.replace(config, seed=1), 'mixed_float16')
  assert Checkpoints(other, tmp_path / 'first', Console()).restore()
  Checkpoints(other, tmp_path / 'second', Console()).save()
  expected, actual = tensors(tmp_path / 'first'), tensors(tmp_path / 'second')
  assert actual.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(actual[name], value, err_msg=name)
  for optimizer in (other.generator_optimizer, other.discriminator_optimizer):
    assert float(optimizer.loss_scale) == 2**14
    assert int(optimizer.iterations) == 2  # a skipped step counts
  assert float(other.augment_probability) == 0.25
  assert (other.steps_done, other.seconds_done, other.seconds_waited) == (7, 8.5, 0.5)
  assert other.interval.means == {'loss': 0.5}
  assert other.best_ratios.fallen(config, 8, {'spread_ratio': 0.1}) == {'spread_ratio': 0.1}


def test_what_a_kill_left_half_written_is_cleared_away(saved):
  folder, _ = saved
  (folder / 'ckpt-3_temp').mkdir()
  (folder / 'ckpt-3_temp/part-00000-of-00001.index').write_bytes(b'half')
  (folder / 'checkpoint.tmp0123').write_bytes(b'half')
  before = sorted(path.name for path in folder.iterdir() if '3' not in path.name)
  found, state = restored(folder)
  assert found
  assert int(state.step) == 2
  assert sorted(path.name for path in folder.iterdir()) == before


def test_going_back_to_the_healthy_one_makes_it_the_newest(tmp_path):
  folder = tmp_path / 'checkpoints'
  state = TrainState.create(SPEC, CONFIG, 'float32')
  checkpoints = Checkpoints(state, folder, Console())
  state.step.assign(1)
  checkpoints.save_healthy()
  for _ in range(3):  # the newest two are later ones
    state.step.assign_add(1)
    checkpoints.save()
  checkpoints.restore_healthy()
  assert state.steps_done == 1
  found, resumed = restored(folder)  # by a process that follows a kill
  assert found
  assert resumed.steps_done == 1
  (folder / 'checkpoint').write_bytes(b'')
  assert restored(folder)[1].steps_done == 1  # the newest by age, not by number
  damage(folder, 2)
  assert restored(folder)[1].steps_done > 1


def test_a_checkpoint_that_training_fails_from_makes_way_for_the_one_before_it(saved):
  folder, state = saved
  checkpoints = Checkpoints(state, folder, Console())
  for _ in range(2):  # the second time it is alone
    checkpoints.restore_older()
    assert state.steps_done == 1
    assert restored(folder)[1].steps_done == 1  # for a process that follows a kill, too
  state.step.assign(9)
  checkpoints.save()
  assert restored(folder)[1].steps_done == 9
  damage(folder, 2)  # it took the place of the bad one
  assert restored(folder)[1].steps_done == 1


def test_a_list_of_checkpoints_that_can_not_be_read_loses_none(saved, capsys):
  folder, expected = saved
  (folder / 'checkpoint').write_bytes(b'')
  found, state = restored(folder)
  assert found
  assert state.steps_done == expected.steps_done
  assert 'checkpoint can not be read' in capsys.readouterr().out


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
