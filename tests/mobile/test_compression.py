"""Zeros and clusters, in the Keras weights and in the bytes of the file."""

import gzip

import numpy as np
import pytest

from mobile import compression, convert, distillation, folding
from tests.mobile.test_qat import INFO, drawn, network


def tuning(num_steps: int) -> distillation.Tuning:
  inputs = drawn(num_steps * distillation.BATCH_SIZE, 2).inputs
  return distillation.Tuning(network(), inputs, 1e-3)


def kernels(model) -> list[np.ndarray]:
  return [layer.kernel.numpy() for layer in model.layers if isinstance(layer, folding.LINEAR)]


def test_pruning_leaves_the_share_of_zeros_that_was_asked_for():
  for kernel in kernels(compression.pruned(tuning(8), 0.6)):
    assert np.mean(kernel == 0) == pytest.approx(0.6, abs=0.02)


def test_clustering_leaves_as_many_values_as_were_asked_for():
  for kernel in kernels(compression.clustered(tuning(4), 8)):
    assert len(np.unique(kernel)) <= 8


@pytest.mark.slow
def test_both_files_are_smaller_when_packed():
  def packed(model) -> int:
    return len(gzip.compress(convert.convert('int8', model, drawn(50, 0), INFO)))

  plain = packed(network())
  assert packed(compression.pruned(tuning(8), 0.8)) < plain
  assert packed(compression.clustered(tuning(4), 4)) < plain
