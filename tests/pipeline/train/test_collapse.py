"""Generators that collapse in training, and one that does not."""

import json

import pytest

from pipeline import errors
from pipeline.config.train import TrainConfig
from pipeline.console import Console
from pipeline.train.loop import TrainLoop
from pipeline.train.stage import train

COLLAPSE_STEP = 80


def settings(**changes):
  values = {
    'network': 'mlp',
    'latent_size': 8,
    'loss': 'non_saturating',
    'r1_gamma': 0.0,
    'batch_size': 16,
    'train_steps': 120,
    'steps_per_loop': 20,
    'log_every_steps': 40,
    'snapshot_every_steps': 40,
    'ema_halflife_images': 200,
    'min_spread_ratio': 0.1,
    'min_class_entropy_ratio': 0.0,
    'precision': 'float32',
    'xla': 'off',
    'deterministic': True,
  }
  return TrainConfig(**values | changes)


@pytest.fixture
def collapse(monkeypatch):
  """Makes the generator's weights all zero as training reaches a step, so many times."""
  whole, times = TrainLoop.run, [1]

  def run(self, batches, num_steps):
    outcome = whole(self, batches, num_steps)
    if self._state.steps_done == COLLAPSE_STEP and times[0]:
      times[0] -= 1
      for model in (self._state.pair.generator, self._state.average):
        model.set_weights([weight * 0 for weight in model.get_weights()])
    return outcome

  monkeypatch.setattr(TrainLoop, 'run', run)
  return times


def records(folder):
  return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def warned(folder):
  return [record['step'] for record in records(folder) if 'warning' in record]


def test_a_collapse_is_told_at_once_everywhere(data, tmp_path, collapse, capsys):
  train(settings(), data, tmp_path, Console())
  assert warned(tmp_path)[0] == COLLAPSE_STEP
  at_collapse = records(tmp_path)[1]
  assert at_collapse['spread_ratio'] < 0.01
  assert 'below --min_spread_ratio=0.1' in at_collapse['warning']
  output = capsys.readouterr().out
  assert f'at step {COLLAPSE_STEP} is below --min_spread_ratio=0.1' in output
  assert '--minibatch=stddev' in output
  [events] = (tmp_path / 'tensorboard').glob('events*')
  assert b'spread_ratio' in events.read_bytes()
  assert at_collapse['warning'].encode() in events.read_bytes()


def test_a_generator_that_never_was_varied_is_told_of_after_the_grace(data, tmp_path):
  rates = {'generator_learning_rate': 0.5, 'discriminator_learning_rate': 0.5}  # far too high
  wild = settings(**rates, collapse_grace_steps=80)
  train(wild, data, tmp_path, Console())
  assert warned(tmp_path) == [120]


def test_stopping_saves_the_state(data, tmp_path, collapse, capsys):
  config = settings(on_collapse='stop')
  message = rf'collapsed \(spread_ratio=\S+\) at step {COLLAPSE_STEP} .*the state is saved'
  with pytest.raises(errors.TrainingError, match=message):
    train(config, data, tmp_path, Console())
  with pytest.raises(errors.TrainingError, match='at step 120'):  # it knows what it was before
    train(config, data, tmp_path, Console())
  assert f'goes on from step {COLLAPSE_STEP}' in capsys.readouterr().out


def test_going_back_takes_another_course(data, tmp_path, collapse, capsys):
  config = settings(on_collapse='rollback', checkpoint_every_s=0)
  train(config, data, tmp_path, Console())
  evidence = json.loads((tmp_path / 'rollbacks.jsonl').read_text())
  assert evidence['step'] == COLLAPSE_STEP
  assert evidence['collapsed']['spread_ratio'] < 0.01
  assert 'back to step 40, with learning rates times 0.5' in capsys.readouterr().out
  assert not warned(tmp_path)
  rates = [record['generator_learning_rate'] for record in records(tmp_path)]
  assert rates[1] < 0.6 * rates[0]
  assert [record['step'] for record in records(tmp_path)] == [40, 80, 120]


def test_going_back_has_an_end(data, tmp_path, collapse):
  collapse[0] = 3
  config = settings(on_collapse='rollback', max_rollbacks=2)
  with pytest.raises(errors.TrainingError, match=r'collapsed .* after 2 rollbacks'):
    train(config, data, tmp_path, Console())
  assert len((tmp_path / 'rollbacks.jsonl').read_text().splitlines()) == 3


@pytest.mark.slow
def test_a_healthy_training_is_not_warned_of(data, tmp_path):
  config = settings(
    network='digits',
    loss='hinge',
    r1_gamma=0.1,
    batch_size=32,
    train_steps=400,
    min_spread_ratio=0.25,
    min_class_entropy_ratio=0.25,
    collapse_grace_steps=280,
    ema_halflife_images=500,
  )
  train(config, data, tmp_path, Console())
  assert not warned(tmp_path)
  last = records(tmp_path)[-1]
  assert last['spread_ratio'] > 0.5
  assert last['class_entropy_ratio'] > 0.9
