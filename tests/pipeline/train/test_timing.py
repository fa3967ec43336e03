import time

import pytest

from pipeline.train import timing


@pytest.mark.parametrize(('step_s', 'best_s'), [([9, 5, 3, 4], 3), ([9, 5, 30], 5), ([99, 30], 30)])
def test_a_hopeless_step_is_the_last_one(monkeypatch, step_s, best_s):
  """The first one compiles; a test whose steps are used up fails."""
  now, left = 0, iter(step_s)

  def step():
    nonlocal now
    now += next(left)

  monkeypatch.setattr(time, 'perf_counter', lambda: now)
  assert timing.best_s(step, tries=3, enough_s=30) == best_s
  assert not list(left)
