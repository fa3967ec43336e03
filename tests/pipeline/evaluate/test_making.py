import itertools

import numpy as np

from pipeline.evaluate.making import Purpose, seeds_for


def test_no_seed_serves_two_purposes_or_two_runs():
  ends = sorted(
    (int(seeds[0]), int(seeds[-1]))
    for seeds in (
      seeds_for(purpose, run_seed, 100_000)
      for purpose in Purpose
      for run_seed in (0, 1, 2, 2**31 - 1)
    )
  )
  assert all(last < first for (_, last), (first, _) in itertools.pairwise(ends))
  assert ends[0][0] >= 2**58  # apart from the small numbers that people type


def test_seeds_are_the_same_every_time():
  seeds = seeds_for(Purpose.REPORT, 7, 5)
  assert seeds.dtype == np.int64
  np.testing.assert_array_equal(seeds, seeds_for(Purpose.REPORT, 7, 10)[:5])
