"""The stream of training batches, which can begin anywhere.

N images, B batch, H height, W width, C channels.
"""

import numpy as np
import tensorflow as tf

from pipeline import errors
from pipeline.train.parts import Parts

_SHUFFLE_ROUNDS = 16  # TensorFlow's own 4 leave the orders of successive epochs correlated
_PARALLEL_BATCHES, _PREFETCHED = 2, 8  # gathering a batch takes a fraction of a step


def training_batches(
  images: np.ndarray,
  labels: np.ndarray,
  batch_size: int,
  seed: int,
  first_step: int,
  parts: Parts | None = None,
) -> tf.data.Dataset:
  """An endless stream of shuffled batches that can begin anywhere.

  Position p = step · B + j of a replica's stream holds image permutation(p mod N) of epoch p div N,
  of the N images of its part. So every epoch visits each image once, batches may straddle epochs,
  and the stream from `first_step` is the tail of the stream from 0: to resume, nothing has to be
  stored or skipped.

  Args:
    images: [N, H, W, C] uint8, of this process.
    labels: [N] integers.
    batch_size: B, of one replica.
    seed: of the permutations.
    first_step: step of the first batch.
    parts: of the replicas; None is one that has all images.

  Returns:
    Dataset of (images uint8 [B, H, W, C], labels int32 [B]): of each replica of this process in
    turn, then of the next step.

  Raises:
    DataError: fewer images than one batch.
  """
  parts = parts or Parts(len(images))
  if batch_size > parts.num_images // parts.num_replicas:
    raise errors.DataError(
      f'--batch_size={batch_size * parts.num_replicas} is larger than the {parts.num_images}'
      f' training images. Choose {parts.num_images} or less, or ingest more images.'
    )
  # On the CPU and captured by reference: neither copied to a GPU nor written into a graph.
  with tf.device('CPU:0'):
    all_images = tf.convert_to_tensor(images, tf.uint8)
    all_labels = tf.convert_to_tensor(labels, tf.int32)

  edges = np.array(parts.edges) - parts.edges[0]

  def batch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    step, part = number // parts.number, number % parts.number
    begin, end = tf.gather(edges, part), tf.gather(edges, part + 1)
    indices = begin + batch_indices(step, batch_size, end - begin, seed, parts.first + part)
    return tf.gather(all_images, indices), tf.gather(all_labels, indices)

  numbers = tf.data.Dataset.counter(start=first_step * parts.number)
  batches = numbers.map(batch, _PARALLEL_BATCHES, deterministic=True).prefetch(_PREFETCHED)
  # The tuner's thread, asked to end, may sleep on for up to a minute (TF 2.21).
  options = tf.data.Options()
  options.autotune.enabled = False
  return batches.with_options(options)


def batch_indices(
  step: tf.Tensor,
  batch_size: int,
  num_images: tf.Tensor | int,
  seed: int,
  part: tf.Tensor | int = 0,
) -> tf.Tensor:
  """Which images the batch of a step holds.

  Args:
    step: int64 scalar.
    batch_size: B.
    num_images: N.
    seed: of the permutations.
    part: another has permutations of its own.

  Returns:
    [B] int64 in [0, N).
  """
  positions = step * batch_size + tf.range(batch_size, dtype=tf.int64)
  epochs = positions // num_images
  ones = tf.ones_like(epochs)
  seeds = tf.stack([ones * seed, epochs, ones * part], axis=1)
  # The public function tf.random.experimental.index_shuffle pads a batch of seeds along the wrong
  # axis (TF 2.21) and fixes the rounds; this is the operation beneath it.
  return tf.raw_ops.RandomIndexShuffle(
    index=positions % num_images,
    seed=seeds,
    max_index=tf.cast(num_images - 1, tf.int64),
    rounds=_SHUFFLE_ROUNDS,
  )
