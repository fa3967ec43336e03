"""Fine-tuning for a smaller download: files with many equal bytes shrink when they are packed.

The size in memory and the speed stay as they are: the phone's kernels know no zeros.
"""

from collections.abc import Callable

import tf_keras

from mobile import folding
from mobile.distillation import Tuning
from mobile.model_optimization import tfmot

_PRUNING_SHARE = 0.7  # of the steps, in which the zeros come; the rest mends what they broke
_MAX_UPDATES = 20  # of which kernels' weights are zero


def pruned(tuning: Tuning, sparsity: float) -> tf_keras.Model:
  """A copy in which the smallest weights of each kernel are zero.

  Source: Zhu and Gupta 2017, arXiv:1710.01878.

  Args:
    tuning: its teacher is what is copied.
    sparsity: share of zeros, in (0, 1).

  Returns:
    A generator of the same inputs and outputs, batch normalisation folded.
  """
  end = max(int(_PRUNING_SHARE * tuning.num_steps), 1)
  schedule = tfmot.sparsity.keras.PolynomialDecay(
    initial_sparsity=0.0,
    final_sparsity=sparsity,
    begin_step=0,
    end_step=end,
    frequency=max(end // _MAX_UPDATES, 1),
  )
  student = _wrapped(
    tuning.teacher, lambda layer: tfmot.sparsity.keras.prune_low_magnitude(layer, schedule)
  )
  tuning.teach(student, [tfmot.sparsity.keras.UpdatePruningStep()])
  return tfmot.sparsity.keras.strip_pruning(student)


def clustered(tuning: Tuning, num_clusters: int) -> tf_keras.Model:
  """A copy in which each kernel has few different weights.

  Source: Han et al. 2016, arXiv:1510.00149, section 3.

  Args:
    tuning: its teacher is what is copied.
    num_clusters: different weights in each kernel, at most.

  Returns:
    A generator of the same inputs and outputs, batch normalisation folded.
  """
  clustering = tfmot.clustering.keras
  start = clustering.CentroidInitialization.KMEANS_PLUS_PLUS
  student = _wrapped(
    tuning.teacher, lambda layer: clustering.cluster_weights(layer, num_clusters, start)
  )
  tuning.teach(student)
  return clustering.strip_clustering(student)


def _wrapped(
  generator: tf_keras.Model, wrap: Callable[[tf_keras.layers.Layer], tf_keras.layers.Layer]
) -> tf_keras.Model:
  """A folded copy, each layer with a kernel in a wrapper."""

  def clone(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    if isinstance(layer, tf_keras.layers.InputLayer):
      return layer
    copy = folding.built_copy(layer)
    return wrap(copy) if isinstance(layer, folding.LINEAR) else copy

  return tf_keras.models.clone_model(folding.folded(generator), clone_function=clone)
