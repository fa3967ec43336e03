import numpy as np
import pytest

from pipeline.evaluate import kernel
from pipeline.evaluate.kernel import kernel_distance


def _oracle(a, b):
  """Unbiased MMD^2 by loops over pairs."""

  def k(x, y):
    return (float(np.dot(x, y)) / len(x) + 1) ** 3

  within_a = [k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j]
  within_b = [k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j]
  between = [k(x, y) for x in a for y in b]
  return np.mean(within_a) + np.mean(within_b) - 2 * np.mean(between)


@pytest.mark.parametrize('chunk', [3, 1000])
def test_agrees_with_loops(monkeypatch, chunk):
  monkeypatch.setattr(kernel, '_CHUNK', chunk)
  rng = np.random.default_rng(0)
  a, b = rng.normal(size=[11, 5]), rng.normal(size=[17, 5]) + 0.5
  np.testing.assert_allclose(kernel_distance(a, b), _oracle(a, b), rtol=1e-10)


def test_is_unbiased():
  rng = np.random.default_rng(1)
  values = [kernel_distance(rng.normal(size=[20, 4]), rng.normal(size=[30, 4])) for _ in range(400)]
  standard_error = np.std(values) / np.sqrt(len(values))
  assert abs(np.mean(values)) < 4 * standard_error
  assert min(values) < 0


def test_sees_a_shift():
  rng = np.random.default_rng(2)
  a = rng.normal(size=[300, 8])
  assert kernel_distance(a, rng.normal(size=[300, 8]) + 1) > 0.5
