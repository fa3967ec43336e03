import numpy as np
import pytest

from pipeline.evaluate import memorisation
from pipeline.evaluate.neighbours import nearest_distances


def _normal(seed, count=400):
  return np.random.default_rng(seed).normal(size=[count, 8]).astype(np.float32)


def test_ratio_is_of_medians():
  assert memorisation.nearest_train_ratio(np.array([1, 2, 9]), np.array([3, 4, 5, 4])) == 0.5
  assert memorisation.nearest_train_ratio(np.zeros(3), np.zeros(3)) == 1.0


def test_share_nearer_counts_below_the_quantile():
  real = np.arange(1, 102, dtype=np.float32)  # its 1 % quantile is 2
  assert memorisation.share_nearer(np.array([1.0, 1.9, 2.1, 50.0]), real) == 0.5


def test_new_samples_look_like_held_out_ones_and_copies_do_not():
  train, held_out = _normal(0), _normal(1)
  real = nearest_distances(held_out, train)
  new = nearest_distances(_normal(2), train)
  copies = nearest_distances(train[:200] + np.float32(1e-3), train)
  assert memorisation.nearest_train_ratio(new, real) == pytest.approx(1, abs=0.1)
  assert memorisation.nearest_train_ratio(copies, real) < 0.05
  assert memorisation.share_nearer(new, real) < 0.04
  assert memorisation.share_nearer(copies, real) == 1.0


def test_duplicates_are_counted():
  real, fake = _normal(3), _normal(4)
  assert memorisation.duplicate_share(fake, real) < 0.04
  fake[:40] = fake[40:80]
  assert memorisation.duplicate_share(fake, real) == pytest.approx(0.2, abs=0.03)


def test_duplicates_are_counted_among_equally_many():
  # Ten times as many fakes lie closer together without being copies.
  assert memorisation.duplicate_share(_normal(5, 4000), _normal(6, 400)) < 0.04
