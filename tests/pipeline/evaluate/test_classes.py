import math

import numpy as np
import pytest

from pipeline.evaluate import classes

_PROBABILITIES = np.array([[0.95, 0.05, 0], [0.5, 0.3, 0.2], [0.02, 0.03, 0.95], [0.1, 0.1, 0.8]])


def test_label_figures_by_hand():
  assert classes.label_agreement(_PROBABILITIES, np.array([0, 1, 2, 2])) == 0.75
  assert classes.confident_share(_PROBABILITIES) == 0.5
  assert classes.class_entropy(_PROBABILITIES) == pytest.approx(math.log(2))


def test_entropy_is_log_k_for_equal_classes_and_zero_for_one():
  assert classes.class_entropy(np.eye(10)) == pytest.approx(math.log(10))
  assert classes.class_entropy(np.tile(np.eye(10)[3], (5, 1))) == 0


def test_counts_name_every_class():
  assert classes.class_counts(np.array([1, 1, 3]), 5).tolist() == [0, 2, 0, 1, 0]


def test_labels_keep_the_proportions_exactly():
  labels = classes.labels_in_proportion(np.array([500, 250, 250]), 1000, seed=1)
  assert np.bincount(labels).tolist() == [500, 250, 250]
  assert labels[:10].tolist() != sorted(labels[:10])


def test_remainders_go_to_the_largest():
  labels = classes.labels_in_proportion(np.array([5, 3, 2, 0]), 7, seed=0)  # 3.5, 2.1, 1.4, 0
  assert np.bincount(labels, minlength=4).tolist() == [4, 2, 1, 0]


def test_labels_repeat_for_a_seed_only():
  shares = np.ones(10)
  first, again, other = (classes.labels_in_proportion(shares, 50, seed) for seed in (1, 1, 2))
  assert first.tolist() == again.tolist() != other.tolist()
