"""A useful figure reacts: each fault must score visibly worse than real digits do."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.ndimage

from pipeline.evaluate import figures
from pipeline.evaluate.feature_net import Reading
from pipeline.evaluate.reference import Reals


@pytest.fixture(scope='module')
def fresh(digits):
  """2,500 real digits that aren't among the training images."""
  return digits[0][:2500], digits[1][:2500]


@pytest.fixture(scope='module')
def score(mnist_net, digit_reals):
  """Figures of images by bare name."""

  def judge(images, labels):
    values = figures.judge(mnist_net, digit_reals, mnist_net.read(images), labels)
    assert all(name.endswith(f'@{mnist_net.tag}') for name in values)
    assert all(isinstance(value, float) and math.isfinite(value) for value in values.values())
    return {name.split('@')[0]: value for name, value in values.items()}

  return judge


@pytest.fixture(scope='module')
def real(score, fresh):
  return score(*fresh)


def test_real_digits_score_as_the_floor(real):
  assert real['frechet_ratio'] == pytest.approx(1, abs=0.15)
  for name in ('frechet', 'kid', 'coverage', 'density', 'confident_share', 'class_entropy'):
    value = real.get(name, real.get(f'{name}_distance'))
    # KID is a small difference of large means: two samples of 2,500 differ by a quarter of it.
    tolerance = 0.3 if name == 'kid' else 0.15
    assert value == pytest.approx(real[f'{name}_floor'], rel=tolerance), name
  assert real['label_agreement'] > 0.99
  assert real['coverage'] > 0.93
  assert real['nearest_train_ratio'] == pytest.approx(1, abs=0.1)
  assert real['train_copy_share'] < 0.03
  assert real['duplicate_share'] < 0.03


def test_noise_shows(score, real, fresh):
  noise = np.random.default_rng(1).normal(0, 20, fresh[0].shape)
  noisy = score(np.clip(fresh[0] + noise, 0, 255).astype(np.uint8), fresh[1])
  assert noisy['frechet_distance'] > 10 * real['frechet_distance']
  assert noisy['kid'] > 10 * real['kid']
  assert noisy['coverage'] < real['coverage'] - 0.3
  assert noisy['density'] < 0.5 * real['density']
  assert noisy['confident_share'] < real['confident_share'] - 0.05
  assert noisy['label_agreement'] < real['label_agreement'] - 0.02


def test_blur_shows(score, real, fresh):
  blurred = score(scipy.ndimage.gaussian_filter(fresh[0], (0, 0.8, 0.8, 0)), fresh[1])
  assert blurred['frechet_distance'] > 5 * real['frechet_distance']
  assert blurred['kid'] > 5 * real['kid']
  assert blurred['coverage'] < real['coverage'] - 0.2
  assert blurred['density'] < 0.7 * real['density']


def test_missing_class_shows(score, real, fresh):
  kept = fresh[1] != 3
  dropped = score(fresh[0][kept], fresh[1][kept])
  assert dropped['frechet_distance'] > 3 * real['frechet_distance']
  assert dropped['kid'] > 2 * real['kid']
  assert dropped['coverage'] < real['coverage'] - 0.05
  assert dropped['class_entropy'] == pytest.approx(math.log(9), abs=0.01)
  assert real['class_entropy'] == pytest.approx(math.log(10), abs=0.01)


def test_a_tenth_of_copies_of_others_shows(score, real, fresh):
  rows = np.random.default_rng(2).permutation(np.r_[250:2500, 250:500])
  copied = score(fresh[0][rows], fresh[1][rows])
  assert copied['duplicate_share'] > real['duplicate_share'] + 0.1
  assert copied['frechet_distance'] > real['frechet_distance']


def test_a_tenth_of_copies_of_one_shows(score, real, fresh):
  rows = np.random.default_rng(2).permutation(np.r_[250:2500, np.full(250, 250)])
  copied = score(fresh[0][rows], fresh[1][rows])
  assert copied['duplicate_share'] == pytest.approx(0.1, abs=0.02)
  assert copied['frechet_distance'] > 2 * real['frechet_distance']
  assert copied['kid'] > 2 * real['kid']


def test_training_copies_show_where_quality_figures_see_nothing(score, real, digits):
  copies = score(digits[0][2500:], digits[1][2500:])
  assert copies['frechet_ratio'] == pytest.approx(1, abs=0.1)
  assert copies['nearest_train_ratio'] < 0.05
  assert copies['train_copy_share'] > 0.99


def test_wrong_labels_show(score, fresh):
  assert score(fresh[0], (fresh[1] + 1) % 10)['label_agreement'] < 0.01


def test_without_labels_only_agreement_is_left_out(score, real, fresh):
  unconditional = score(fresh[0], None)
  assert set(real) - set(unconditional) == {'label_agreement'}
  assert unconditional['class_entropy'] == real['class_entropy']


def test_network_that_reads_no_labels_gives_no_class_figures(mnist_net, digit_reals):
  net = dataclasses.replace(mnist_net, reads_labels=False)
  names = {n.split('@')[0] for n in figures.judge(net, digit_reals, digit_reals.train, None)}
  assert {'frechet_distance', 'kid', 'coverage', 'nearest_train_ratio'} <= names
  assert not names & {'label_agreement', 'confident_share', 'class_entropy'}


def test_reference_inside_the_training_images_does_not_count_itself(mnist_net, digits_reading):
  part = Reading(digits_reading.features[:3000], digits_reading.probabilities[:3000])
  reals = Reals.of(None, mnist_net, part, seed=0)
  new = Reading(digits_reading.features[3000:], digits_reading.probabilities[3000:])
  assert len(new.features) > len(reals.floor.features)  # the ratio compares equally many
  values = figures.judge(mnist_net, reals, new, None)
  assert values[f'nearest_train_ratio@{mnist_net.tag}'] == pytest.approx(1, abs=0.1)
  # Halves of 1,500 differ in their classes by chance; 2,000 unmatched images would score 0.73.
  assert values[f'frechet_ratio@{mnist_net.tag}'] == pytest.approx(1, abs=0.22)


def test_coverage_and_its_floor_are_of_equally_many_images(mnist_net, digits_reading, digit_reals):
  few = Reading(*(part[:300] for part in digit_reals.floor))
  reals = dataclasses.replace(digit_reals, floor=few)
  values = figures.judge(mnist_net, reals, Reading(*(p[:2500] for p in digits_reading)), None)
  for name in ('coverage', 'density'):
    floor = values[f'{name}_floor@{mnist_net.tag}']
    assert values[f'{name}@{mnist_net.tag}'] == pytest.approx(floor, rel=0.15), name
