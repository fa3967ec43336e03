"""Means over calls of unequal length."""

from pipeline.train.interval import Interval


def test_means_weigh_every_step_alike():
  interval = Interval()
  interval.add(3, {'loss': 1.0}, seconds=6.0, waited_s=0.5)
  interval.add(1, {'loss': 5.0}, seconds=1.0, waited_s=0.25)
  assert interval.means == {'loss': 2.0}
  assert (interval.num_steps, interval.seconds, interval.waited_s) == (4, 7.0, 0.75)


def test_steps_that_take_about_so_long():
  interval = Interval()
  assert interval.steps_in(2.0) == 1  # nothing is known yet
  interval.add(10, {}, seconds=1.0, waited_s=0)
  assert interval.steps_in(2.0) == 20
  assert interval.steps_in(0.01) == 1
  assert interval.next().steps_in(2.0) == 20
