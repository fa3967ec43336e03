"""A collapse and a slow start."""

import dataclasses

import pytest
import tensorflow as tf

from pipeline.config.train import TrainConfig
from pipeline.train.best_ratios import BestRatios

CONFIG = TrainConfig(min_spread_ratio=0.25, min_class_entropy_ratio=0.5, collapse_grace_steps=1000)


def fallen(course, config=CONFIG):
  """What the last of some checks tells: (step, spread ratio, class entropy ratio)."""
  best, found = BestRatios(), {}
  for step, spread, entropy in course:
    found = best.fallen(config, step, {'spread_ratio': spread, 'class_entropy_ratio': entropy})
  return found


@pytest.mark.parametrize(
  ('course', 'expected'),
  [
    ([(500, 0.01, 0.0)], {}),  # untrained
    ([(500, 0.01, 0.0), (1000, 0.01, 0.0)], {}),
    ([(500, 0.01, 0.0), (1001, 0.01, 0.6)], {'spread_ratio': 0.01}),  # never varied
    ([(500, 0.25, 0.5), (600, 0.24, 0.5)], {'spread_ratio': 0.24}),  # a fall, soon
    ([(500, 0.25, 0.5), (600, 0.9, 0.49)], {'class_entropy_ratio': 0.49}),
    ([(500, 0.8, 0.8), (600, 0.1, 0.1)], {'spread_ratio': 0.1, 'class_entropy_ratio': 0.1}),
    ([(500, 0.8, 0.8), (600, 0.1, 0.1), (700, 0.3, 0.9)], {}),  # recovered
    ([(500, 0.8, 0.8), (600, 0.1, 0.1), (700, 0.2, 0.9)], {'spread_ratio': 0.2}),  # still there
    ([(5000, 0.25, 0.5)], {}),
  ],
)
def test_what_counts_as_a_collapse(course, expected):
  assert fallen(course) == expected


def test_a_generator_that_waits_for_a_warm_up_has_the_same_grace():
  config = dataclasses.replace(CONFIG, discriminator_warmup_steps=3000)
  assert fallen([(3000, 0.01, 0.0), (4000, 0.01, 0.0)], config) == {}
  assert fallen([(4001, 0.01, 0.6)], config) == {'spread_ratio': 0.01}


def test_a_threshold_of_zero_is_off():
  off = TrainConfig(min_spread_ratio=0, min_class_entropy_ratio=0)
  assert fallen([(500, 1.0, 1.0), (5000, 0.0, 0.0)], off) == {}


def test_a_resumed_run_knows_what_was_varied_before(tmp_path):
  best, resumed = BestRatios(), BestRatios()
  best.fallen(CONFIG, 500, {'spread_ratio': 0.9})
  path = tf.train.Checkpoint(best=best).write(str(tmp_path / 'kept'))
  tf.train.Checkpoint(best=resumed).read(path).assert_consumed()
  assert resumed.fallen(CONFIG, 600, {'spread_ratio': 0.1}) == {'spread_ratio': 0.1}
