"""Training for real, on 8x8 images."""

import json
import os
import signal

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from pipeline import errors, signals
from pipeline.config.train import TrainConfig
from pipeline.console import Console, Progress
from pipeline.generator import load_generator
from pipeline.train.loop import TrainLoop
from pipeline.train.stage import train

STEPS = 12


def settings(**changes):
  values = {
    'batch_size': 8,
    'train_steps': STEPS,
    'latent_size': 8,
    'steps_per_loop': 4,
    'log_every_steps': 4,
    'snapshot_every_steps': 8,
    'precision': 'float32',
    'xla': 'off',
    'deterministic': True,
  }
  return TrainConfig(**values | changes)


@pytest.fixture(scope='module')
def straight(data, tmp_path_factory):
  """A run that nothing interrupted."""
  folder = tmp_path_factory.mktemp('train')
  train(settings(), data, folder, Console())
  return folder


def last_snapshot(folder):
  with np.load(folder / f'snapshots/step-{STEPS:06}.npz') as arrays:
    return {name: arrays[name] for name in arrays.files}


def records(folder):
  return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


class InterruptingConsole(Console):
  """Sends this process SIGTERM when training reaches a step, or after the last one."""

  def __init__(self, step=None):
    super().__init__()
    self.step = step

  def progress(self, *arguments):
    console = self

    class Interrupting(Progress):
      def update(self, completed, **fields):
        if completed == console.step:
          os.kill(os.getpid(), signal.SIGTERM)

      def close(self):
        if not console.step:
          os.kill(os.getpid(), signal.SIGTERM)

    return _Closing(Interrupting(*arguments[:3], self))


class _Closing:
  def __init__(self, progress):
    self.progress = progress

  def __enter__(self):
    return self.progress

  def __exit__(self, *_):
    self.progress.close()


def test_leaves_what_the_contract_promises(straight):
  for name in ('model.json', 'training.json', 'metrics.jsonl', 'checkpoints', 'tensorboard'):
    assert (straight / name).exists()
  assert [p.name for p in sorted((straight / 'snapshots').iterdir())] == [
    'step-000008.npz',
    'step-000012.npz',
  ]
  assert (straight / 'samples/step-000012.png').is_file()
  assert [record['step'] for record in records(straight)] == [4, 8, 12]
  facts = json.loads((straight / 'training.json').read_text())
  assert facts['images_seen'] == STEPS * 8
  assert facts['input_wait_share'] is None  # not measured where runs must be bit-equal


def test_the_snapshot_loads_as_a_float32_generator(straight):
  generator = load_generator(straight, 'snapshots/step-000012.npz')
  images = generator.images(np.zeros([3, 8], np.float32), np.arange(3))
  assert images.shape == (3, 8, 8, 1)
  assert images.min() >= 0
  assert images.max() <= 1


def test_stopped_and_resumed_equals_uninterrupted_to_the_bit(data, straight, tmp_path):
  with pytest.raises(errors.Interrupted, match='step 4 of 12'):
    train(settings(), data, tmp_path, InterruptingConsole(4))
  train(settings(), data, tmp_path, Console())
  expected, actual = last_snapshot(straight), last_snapshot(tmp_path)
  for name, value in expected.items():
    np.testing.assert_array_equal(actual[name], value, err_msg=name)
  losses = [[r['generator_loss'], r.get('r1_penalty')] for r in records(straight)]
  assert [[r['generator_loss'], r.get('r1_penalty')] for r in records(tmp_path)] == losses


def test_a_lazy_penalty_is_recorded_as_the_mean_of_the_steps_it_came_in(data, tmp_path):
  penalties = {}
  for every in (1, 3):
    folder = tmp_path / f'every_{every}'
    folder.mkdir()
    config = settings(network='mlp', train_steps=6, penalty_every_steps=2, log_every_steps=every)
    train(config, data, folder, Console())
    penalties[every] = {r['step']: r.get('r1_penalty') for r in records(folder)}
  one, three = penalties[1], penalties[3]
  assert [step for step, value in one.items() if value is None] == [2, 4, 6]
  assert three[3] == pytest.approx((one[1] + one[3]) / 2, rel=1e-5)
  assert three[6] == pytest.approx(one[5], rel=1e-5)


def test_mode_seeking_is_recorded_once_the_generator_learns(data, tmp_path):
  similarities = {}
  for every in (1, 2):
    folder = tmp_path / f'every_{every}'
    folder.mkdir()
    changes = {'diversity_weight': 1.0, 'discriminator_warmup_steps': 3, 'log_every_steps': every}
    train(settings(network='mlp', train_steps=6, **changes), data, folder, Console())
    similarities[every] = {r['step']: r.get('similarity_loss') for r in records(folder)}
  one, two = similarities[1], similarities[2]
  assert [step for step, value in one.items() if value is None] == [1, 2, 3]
  assert two[2] is None
  assert two[4] == pytest.approx(one[4], rel=1e-5)
  assert two[6] == pytest.approx((one[5] + one[6]) / 2, rel=1e-5)


def test_a_training_that_goes_on_chooses_as_when_it_began(data, tmp_path):
  config = settings(network='mlp', precision='auto', xla='auto')
  with pytest.raises(errors.Interrupted, match='step 4 of 12'):
    train(config, data, tmp_path, InterruptingConsole(4))
  path = tmp_path / 'checkpoints/choices.json'
  made = json.loads(path.read_text())
  made['xla'] = [not made['xla'][0], 'another hour']  # as the clock may choose the next time
  path.write_text(json.dumps(made))
  train(config, data, tmp_path, Console())
  facts = json.loads((tmp_path / 'training.json').read_text())
  assert [facts['precision'], facts['precision_reason']] == made['precision']
  assert [facts['xla'], facts['xla_reason']] == made['xla']


def test_a_damaged_list_of_checkpoints_costs_no_step(data, tmp_path, capsys):
  with pytest.raises(errors.Interrupted, match='step 4 of 12'):
    train(settings(network='mlp'), data, tmp_path, InterruptingConsole(4))
  (tmp_path / 'checkpoints/checkpoint').write_bytes(b'')
  train(settings(network='mlp'), data, tmp_path, Console())
  assert 'goes on from step 4' in capsys.readouterr().out
  assert [record['step'] for record in records(tmp_path)] == [4, 8, 12]


def test_waiting_for_input_is_counted_from_the_first_step_to_the_last(data, tmp_path, monkeypatch):
  whole = TrainLoop.run  # in calls of one step, and without a clock, for it is deterministic

  def run(*arguments):
    return whole(*arguments)._replace(waited_s=tf.constant(0.5, tf.float64))

  monkeypatch.setattr(TrainLoop, 'run', run)
  with pytest.raises(errors.Interrupted, match='step 4 of 12'):
    train(settings(network='mlp'), data, tmp_path, InterruptingConsole(4))
  train(settings(network='mlp'), data, tmp_path, Console())
  reader = tf.train.load_checkpoint(str(tmp_path / 'checkpoints'))
  assert reader.get_tensor('waited_seconds/.ATTRIBUTES/VARIABLE_VALUE') == STEPS * 0.5


@pytest.mark.parametrize(
  ('step', 'message'),
  [(STEPS, f'stopped at step {STEPS} of {STEPS}; the state is saved'), (None, 'by SIGTERM')],
)
def test_a_signal_at_the_end_of_training_stops_what_follows(data, tmp_path, capsys, step, message):
  small = settings(network='mlp', r1_gamma=0.0)
  with pytest.raises(errors.Interrupted, match=message), signals.handled_by_raising():
    train(small, data, tmp_path, InterruptingConsole(step))
  train(small, data, tmp_path, Console())
  assert f'goes on from step {STEPS}' in capsys.readouterr().out


def test_a_signal_in_the_first_step_after_the_warm_up_loses_nothing(
  data, tmp_path, capsys, monkeypatch
):
  whole, small = TrainLoop.run, settings(network='mlp', r1_gamma=0.0, discriminator_warmup_steps=3)

  def run(self, batches, num_steps):
    if self._state.steps_done == 3:
      os.kill(os.getpid(), signal.SIGTERM)
    return whole(self, batches, num_steps)

  monkeypatch.setattr(TrainLoop, 'run', run)
  for _ in range(2):  # from the checkpoint of step 3, the second comes to the same
    with pytest.raises(errors.Interrupted, match='stopped while compiling, at step 3'):
      train(small, data, tmp_path, Console())
  assert 'goes on from step 3' in capsys.readouterr().out


@pytest.mark.slow
def test_what_is_random_and_adaptive_resumes_to_the_bit_as_well(data, tmp_path):
  everything = {
    'network': 'mlp',
    'conditioning': 'projection',
    'dropout': 0.3,
    'spectral_norm': True,
    'loss': 'non_saturating',
    'discriminator_updates': 2,
    'discriminator_warmup_steps': 2,
    'augment': 'ada',
    'ada_target': -1.0,  # above which the signs are
    'ada_ramp_images': 1000,
    'instance_noise': 0.1,
    'mismatch_weight': 0.1,
    'sample_every_steps': 6,
    'sample_grid': '2x3',
    'sample_beside_real': True,
  }
  whole, parts = tmp_path / 'whole', tmp_path / 'parts'
  for folder in (whole, parts):
    folder.mkdir()
  train(settings(**everything), data, whole, Console())
  with pytest.raises(errors.Interrupted, match='step 4 of 12'):
    train(settings(**everything), data, parts, InterruptingConsole(4))
  train(settings(**everything), data, parts, Console())
  expected, actual = last_snapshot(whole), last_snapshot(parts)
  for name, value in expected.items():
    np.testing.assert_array_equal(actual[name], value, err_msg=name)
  probabilities, resumed = (
    [record['augment_probability'] for record in records(folder)] for folder in (whole, parts)
  )
  assert probabilities == resumed
  assert probabilities[-1] > 0
  pictures = sorted(path.name for path in (whole / 'samples').iterdir())
  assert pictures == ['step-000006.png', 'step-000008.png', 'step-000012.png']
  with PIL.Image.open(whole / 'samples/step-000006.png') as picture:
    assert picture.size == (7 * 10 + 2, 2 * 10 + 2)  # three generated, a gap, three real


def test_another_seed_gives_another_generator(data, straight, tmp_path):
  train(settings(seed=1), data, tmp_path, Console())
  assert any(np.any(last_snapshot(tmp_path)[k] != v) for k, v in last_snapshot(straight).items())


def test_what_is_never_finite_stops_the_run_with_the_evidence(data, tmp_path, capsys):
  wild = {'discriminator_learning_rate': 1e30, 'max_rollbacks': 2, 'checkpoint_every_s': 1e6}
  message = r'is not finite at step \d+ \(train\), after 2 rollbacks; .*rollbacks.jsonl has'
  with pytest.raises(errors.TrainingError, match=message):
    train(settings(**wild), data, tmp_path, Console())
  evidence = [json.loads(line) for line in (tmp_path / 'rollbacks.jsonl').read_text().splitlines()]
  assert [each['rate_factor'] for each in evidence] == [1, 0.5, 0.25]
  assert all(each['not_finite'] for each in evidence)
  assert capsys.readouterr().out.count('back to step 0, with learning rates times') == 2
  message = rf'failed at step {evidence[-1]["step"]} .* with --on_config_change=rerun'
  with pytest.raises(errors.TrainingError, match=message):  # the same command trains no further
    train(settings(**wild), data, tmp_path, Console())
  assert len((tmp_path / 'rollbacks.jsonl').read_text().splitlines()) == 3


def test_weights_that_an_update_broke_are_never_saved(data, tmp_path):
  wild = {'optimizer': 'rmsprop', 'discriminator_learning_rate': 3e38, 'network': 'mlp'}
  with pytest.raises(errors.TrainingError, match=r'the weight .* is not finite at step 1 '):
    train(settings(**wild, max_rollbacks=0, checkpoint_every_s=0.0), data, tmp_path, Console())
  reader = tf.train.load_checkpoint(str(tmp_path / 'checkpoints'))
  assert reader.get_tensor('step/.ATTRIBUTES/VARIABLE_VALUE') == 0


def test_a_damaged_weight_is_named_and_training_goes_back(data, tmp_path, monkeypatch):
  whole, damaged = TrainLoop.run, []

  def run(self, batches, num_steps):
    if self._state.steps_done == 6 and not damaged:
      damaged.append(self._state.pair.generator.trainable_variables[-1])
      damaged[0].assign(damaged[0] * np.nan)
    return whole(self, batches, num_steps)

  monkeypatch.setattr(TrainLoop, 'run', run)
  train(settings(checkpoint_every_s=0.0), data, tmp_path, Console())
  evidence = json.loads((tmp_path / 'rollbacks.jsonl').read_text())
  assert evidence['step'] == 7
  assert f'the gradient of {damaged[0].name}' in evidence['not_finite']
  assert [record['step'] for record in records(tmp_path)] == [4, 8, 12]
  rates = [record['generator_learning_rate'] for record in records(tmp_path)]
  assert rates[1] < 0.6 * rates[0]
  assert all(np.isfinite(weight).all() for weight in last_snapshot(tmp_path).values())


def test_a_step_that_fails_again_is_left_by_the_checkpoint_before_it(
  data, tmp_path, monkeypatch, capsys
):
  whole, times = TrainLoop.run, [2]

  def run(self, batches, num_steps):
    if self._state.steps_done == 6 and times[0]:
      times[0] -= 1
      weight = self._state.pair.generator.trainable_variables[-1]
      weight.assign(weight * np.nan)
    return whole(self, batches, num_steps)

  monkeypatch.setattr(TrainLoop, 'run', run)
  train(settings(checkpoint_every_s=0.0, network='mlp'), data, tmp_path, Console())
  output = capsys.readouterr().out
  assert output.index('back to step 6, with') < output.index('back to step 5, with')
  assert [record['step'] for record in records(tmp_path)] == [4, 8, 12]


def test_a_signal_in_a_step_that_is_not_finite_stops_where_training_went_back_to(
  data, tmp_path, monkeypatch
):
  whole = TrainLoop.run

  def run(self, batches, num_steps):
    if self._state.steps_done == 6:
      weight = self._state.pair.generator.trainable_variables[-1]
      weight.assign(weight * np.nan)
      os.kill(os.getpid(), signal.SIGTERM)
    return whole(self, batches, num_steps)

  monkeypatch.setattr(TrainLoop, 'run', run)
  with pytest.raises(errors.Interrupted, match='stopped at step 6 of 12'):
    train(settings(network='mlp', r1_gamma=0.0, checkpoint_every_s=0.0), data, tmp_path, Console())
  assert json.loads((tmp_path / 'rollbacks.jsonl').read_text())['step'] == 7


def test_the_first_operation_that_is_not_finite_is_named(data, tmp_path):
  message = r'^\w+ gave Infinity or NaN, at pipeline/\S+\.py \(L\d+\) \(train --debug_numerics\)'
  wild = {'discriminator_learning_rate': 1e30, 'network': 'mlp', 'r1_gamma': 0.0}
  with pytest.raises(errors.TrainingError, match=message):
    train(settings(**wild, debug_numerics=True), data, tmp_path, Console())
  (tmp_path / 'next').mkdir()
  with pytest.raises(errors.TrainingError, match='is not finite at step'):  # checked no longer
    train(settings(**wild, max_rollbacks=0), data, tmp_path / 'next', Console())


def test_a_profile_of_some_steps(data, tmp_path):
  train(settings(profile_steps='5:7', network='mlp'), data, tmp_path, Console())
  [profile] = tmp_path.glob('tensorboard/plugins/profile/*/*.xplane.pb')
  assert b'ResourceApplyAdam' in profile.read_bytes()


def test_a_batch_larger_than_the_data(data, tmp_path):
  with pytest.raises(errors.DataError, match='batch_size=6000'):
    train(settings(batch_size=6000), data, tmp_path, Console())
