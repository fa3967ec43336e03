import numpy as np
import pytest

from pipeline.evaluate.coverage import coverage_and_density


def _oracle(real, fake, k):
  """Both figures by loops, as in the paper's equations."""
  covered, inside = 0, 0
  for i, centre in enumerate(real):
    others = [np.linalg.norm(centre - other) for j, other in enumerate(real) if j != i]
    radius = sorted(others)[k - 1]
    hits = [np.linalg.norm(centre - f) < radius for f in fake]
    covered += any(hits)
    inside += sum(hits)
  return covered / len(real), inside / (k * len(fake))


@pytest.mark.parametrize('k', [1, 3, 5])
def test_agrees_with_loops(k):
  rng = np.random.default_rng(k)
  real = rng.normal(size=[40, 3]).astype(np.float32)
  fake = (rng.normal(size=[30, 3]) * 0.8).astype(np.float32)
  found = coverage_and_density(real, fake, k)
  np.testing.assert_allclose(found, _oracle(real, fake, k), rtol=1e-9)
  assert 0.2 < found[0] < 1


def test_same_distribution_covers_almost_all():
  rng = np.random.default_rng(0)
  real, fake = rng.normal(size=[2, 500, 8]).astype(np.float32)
  covered, density = coverage_and_density(real, fake)
  # With k = 5 and equally many, an image stays uncovered with probability 2^-5 (the paper's eq. 5).
  assert covered == pytest.approx(1 - 2**-5, abs=0.03)
  assert density == pytest.approx(1, abs=0.1)


def test_one_mode_of_two_covers_half():
  rng = np.random.default_rng(1)
  real = rng.normal(size=[400, 4]).astype(np.float32)
  real[200:] += 50
  fake = rng.normal(size=[400, 4]).astype(np.float32)
  assert coverage_and_density(real, fake)[0] == pytest.approx(0.5, abs=0.02)
