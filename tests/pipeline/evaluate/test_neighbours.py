import numpy as np
import pytest

from pipeline.evaluate import neighbours


@pytest.mark.parametrize('rank', [1, 2, 5])
def test_agrees_with_loops(monkeypatch, rank):
  monkeypatch.setattr(neighbours, '_CHUNK', 4)
  rng = np.random.default_rng(0)
  queries = rng.normal(size=[10, 6]).astype(np.float32)
  points = rng.normal(size=[13, 6]).astype(np.float32)
  expected = [sorted(np.linalg.norm(q - p) for p in points)[rank - 1] for q in queries]
  found = neighbours.nearest_distances(queries, points, rank)
  np.testing.assert_allclose(found, expected, rtol=1e-4)
  assert found.dtype == np.float32


def test_points_find_themselves_first():
  points = np.random.default_rng(1).normal(size=[20, 8]).astype(np.float32) * 10
  assert neighbours.nearest_distances(points, points).max() < 0.1
  assert neighbours.nearest_distances(points, points, rank=2).min() > 1


def test_too_few_points_are_refused():
  with pytest.raises(ValueError, match='rank=3'):
    neighbours.nearest_distances(np.zeros([1, 2], np.float32), np.zeros([2, 2], np.float32), rank=3)
