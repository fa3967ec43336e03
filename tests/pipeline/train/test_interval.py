"""Sums between two records."""

import tensorflow as tf

from pipeline.train.interval import Interval


def test_means_are_over_steps_not_over_calls():
  interval = Interval()
  interval.add(3, {'loss': 1.0}, seconds=6.0, waited_s=0.5)
  interval.add(1, {'loss': 5.0}, seconds=1.0, waited_s=0.25)
  assert interval.means == {'loss': 2.0}
  assert (interval.num_steps, interval.seconds, interval.waited_s) == (4, 7.0, 0.75)


def test_steps_in_a_time_follow_the_last_call():
  interval = Interval()
  assert interval.steps_in(2.0) == 1  # nothing is known yet
  interval.add(10, {}, seconds=1.0, waited_s=0)
  assert interval.steps_in(2.0) == 20
  assert interval.steps_in(0.01) == 1
  interval.clear()
  assert interval.num_steps == 0
  assert interval.steps_in(2.0) == 20


def test_a_checkpoint_keeps_the_sums_to_the_bit(tmp_path):
  interval, other = Interval(), Interval()
  interval.add(3, {'loss': 0.1, 'penalty': 1 / 3}, seconds=0.7, waited_s=0.2)
  path = tf.train.Checkpoint(interval=interval).write(str(tmp_path / 'kept'))
  tf.train.Checkpoint(interval=other).read(path).assert_consumed()
  assert other.means == interval.means
  assert (other.num_steps, other.seconds, other.waited_s) == (3, 0.7, 0.2)
  assert other.step_s is None  # a new process compiles first
