import numpy as np
import pytest
import scipy.linalg

from pipeline.evaluate.frechet import Gaussian, frechet_distance, gaussian


def _features(seed, count=200, size=6):
  rng = np.random.default_rng(seed)
  return rng.normal(size=[count, size]) @ rng.normal(size=[size, size]) + rng.normal(size=size)


def _oracle(a, b):
  """The formula as the paper prints it, with a general matrix square root."""
  root = scipy.linalg.sqrtm(a.covariance @ b.covariance)
  trace = np.trace(a.covariance + b.covariance - 2 * np.real(root))
  return np.square(a.mean - b.mean).sum() + trace


@pytest.mark.parametrize('seed', range(5))
def test_agrees_with_general_matrix_root(seed):
  a, b = gaussian(_features(seed)), gaussian(_features(seed + 100))
  np.testing.assert_allclose(frechet_distance(a, b), _oracle(a, b), rtol=1e-9)


def test_moments_agree_with_loops():
  features = _features(0, count=7, size=3)
  mean = sum(features) / 7
  covariance = sum(np.outer(f - mean, f - mean) for f in features) / 6
  found = gaussian(features.astype(np.float32))
  np.testing.assert_allclose(found.mean, mean, rtol=1e-6)
  np.testing.assert_allclose(found.covariance, covariance, rtol=1e-5, atol=1e-6)
  assert found.covariance.dtype == np.float64


def test_one_dimension_has_a_closed_form():
  a = Gaussian(np.array([1.0]), np.array([[4.0]]))
  b = Gaussian(np.array([-2.0]), np.array([[9.0]]))
  assert frechet_distance(a, b) == pytest.approx((1 + 2) ** 2 + (2 - 3) ** 2)


def test_equal_gaussians_are_at_zero_and_order_does_not_matter():
  a, b = gaussian(_features(1)), gaussian(_features(2))
  assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
  assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_fewer_images_than_features_give_a_finite_distance():
  few, other = gaussian(_features(3, count=4, size=20)), gaussian(_features(4, count=5, size=20))
  assert 0 < frechet_distance(few, other) < np.inf


def test_one_image_is_refused():
  with pytest.raises(ValueError, match='2 images or more'):
    gaussian(np.zeros([1, 4]))
