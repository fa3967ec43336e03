import dataclasses

import numpy as np
import pytest

from pipeline import errors
from pipeline.evaluate import frechet
from pipeline.evaluate.feature_net import Reading
from pipeline.evaluate.reference import MNIST_TEST, Reals, Reference


def test_packaged_reference_is_of_the_mnist_test_set(mnist_net):
  reference = Reference.load(MNIST_TEST, mnist_net)
  assert (reference.name, reference.num_images) == ('mnist_test', 10_000)
  assert reference.features.shape == (2000, 128)
  assert not reference.is_in_train


def test_packaged_reference_is_near_digits_and_its_parts_agree(mnist_net, digits_reading):
  reference = Reference.load(MNIST_TEST, mnist_net)
  spread = np.trace(reference.gaussian.covariance)
  kept = frechet.gaussian(reference.features)
  real = frechet.gaussian(digits_reading.features)
  assert frechet.frechet_distance(reference.gaussian, kept) < 0.01 * spread
  assert frechet.frechet_distance(reference.gaussian, real) < 0.01 * spread


def test_saved_reference_is_the_same_to_its_precision(mnist_net, digits_reading, tmp_path):
  reference = Reference.of('test', mnist_net, digits_reading.features)
  reference.save(tmp_path / 'reference.npz')
  again = Reference.load(tmp_path / 'reference.npz', mnist_net)
  assert (again.name, again.num_images) == ('test', 5000)
  np.testing.assert_allclose(again.features, digits_reading.features[:2000], rtol=1e-3, atol=1e-4)
  assert frechet.frechet_distance(again.gaussian, reference.gaussian) < 1e-4


def test_reference_of_another_network_is_refused(mnist_net, digits_reading, tmp_path):
  other = dataclasses.replace(mnist_net, weights={**mnist_net.weights, 'more': np.zeros(1)})
  Reference.of('test', other, digits_reading.features).save(tmp_path / 'reference.npz')
  with pytest.raises(errors.ArtifactError, match=f'not {mnist_net.tag}'):
    Reference.load(tmp_path / 'reference.npz', mnist_net)


def test_damaged_reference_is_one_clear_line(mnist_net, tmp_path):
  (tmp_path / 'reference.npz').write_bytes(MNIST_TEST.read_bytes()[:2000])
  with pytest.raises(errors.ArtifactError, match=r'reference\.npz is no reference'):
    Reference.load(tmp_path / 'reference.npz', mnist_net)


def test_without_a_reference_the_training_images_are_halved(mnist_net):
  train = Reading(np.arange(100 * 128, dtype=np.float32).reshape(100, 128), np.zeros([100, 10]))
  reals = Reals.of(None, mnist_net, train, seed=3)
  assert reals.reference.is_in_train
  assert reals.reference.num_images == len(reals.floor.features) == 50
  both = np.concatenate([reals.reference.features, reals.floor.features])
  assert sorted(both[:, 0]) == sorted(train.features[:, 0])  # apart, and nothing lost


def test_with_a_reference_all_training_images_serve_the_floor(digit_reals):
  assert len(digit_reals.floor.features) == len(digit_reals.train.features) == 2500
  np.testing.assert_array_equal(
    np.sort(digit_reals.floor.features[:, 0]), np.sort(digit_reals.train.features[:, 0])
  )
