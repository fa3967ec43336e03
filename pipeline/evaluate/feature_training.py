"""Fits the feature network: cross-entropy on slightly moved images.

Augmentation is small shifts, turns and zooms only: a feature space that ignored noise, blur or
stroke width would be blind to what a weak generator gets wrong.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline.evaluate import feature_model

NUM_TURNS = 4  # classes of the rotation task
_BATCH_SIZE = 128
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1e-4
_MAX_TURN = math.radians(8)
_MAX_ZOOM = 0.08
_MAX_SHIFT = 0.06  # of the image's side


def train_feature_model(
  images: np.ndarray,
  labels: np.ndarray,
  num_classes: int,
  seed: int,
  num_steps: int,
  on_step: Callable[[int], None] = lambda step: None,
) -> tf_keras.Model:
  """A feature model fitted to labelled images.

  Args:
    images: uint8 [N, H, W, C].
    labels: int64 [N], in [0, num_classes).
    num_classes: K, 2 or more.
    seed: of weights, order and augmentation.
    num_steps: updates, of 128 images each.
    on_step: called with the number of finished steps.
  """
  model = feature_model.build_feature_model(images.shape[1:], num_classes, seed)
  step_function = _step_function(model, num_steps)
  for step, rows in enumerate(_batches(len(images), num_steps, seed)):
    step_function(
      tf.constant(images[rows]), tf.constant(labels[rows]), tf.constant([seed, step], tf.int64)
    )
    on_step(step + 1)
  return model


def rotation_task(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Labelled images out of unlabelled ones: tell by which quarter turn each was rotated.

  Source: Gidaris et al. 2018, arXiv:1803.07728.

  Args:
    images: uint8 [N, H, H, C], square.

  Returns:
    uint8 [4 N, H, H, C] and int64 [4 N], the number of quarter turns.
  """
  turned = [np.rot90(images, turns, axes=(1, 2)) for turns in range(NUM_TURNS)]
  return np.concatenate(turned), np.repeat(np.arange(NUM_TURNS), len(images))


def _batches(num_images: int, num_steps: int, seed: int) -> Iterator[np.ndarray]:
  """Rows of each step's batch; every image once before any comes again."""
  rng = np.random.default_rng(seed)
  rows = np.empty(0, np.int64)
  for _ in range(num_steps):
    while len(rows) < _BATCH_SIZE:
      rows = np.concatenate([rows, rng.permutation(num_images)])
    yield rows[:_BATCH_SIZE]
    rows = rows[_BATCH_SIZE:]


def _step_function(model: tf_keras.Model, num_steps: int) -> Callable[..., None]:
  rate = tf_keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, num_steps)
  optimizer = tf_keras.optimizers.AdamW(rate, weight_decay=_WEIGHT_DECAY)

  @tf.function(autograph=False)
  def step(images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> None:
    with tf.GradientTape() as tape:
      _, logits = model(_moved(tf.cast(images, tf.float32), seed), training=True)
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      loss = tf.reduce_mean(losses)
    weights = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

  return step


def _moved(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
  """Images [B, H, W, C] shifted, turned and zoomed a little, each by its own amounts."""
  size = images.shape[1:3].as_list()
  draws = tf.random.stateless_uniform([tf.shape(images)[0], 4], seed, -1.0, 1.0)
  turn, zoom = draws[:, 0] * _MAX_TURN, 1 + draws[:, 1] * _MAX_ZOOM
  cosine, sine = zoom * tf.cos(turn), zoom * tf.sin(turn)
  centre_y, centre_x = (size[0] - 1) / 2, (size[1] - 1) / 2
  # Output (x, y) reads input (a x + b y + c, d x + e y + f); the centre moves by the shift alone.
  shift_x = centre_x * (1 - cosine) + centre_y * sine + draws[:, 2] * _MAX_SHIFT * size[1]
  shift_y = centre_y * (1 - cosine) - centre_x * sine + draws[:, 3] * _MAX_SHIFT * size[0]
  zeros = tf.zeros_like(turn)
  transforms = tf.stack([cosine, -sine, shift_x, sine, cosine, shift_y, zeros, zeros], axis=1)
  return tf.raw_ops.ImageProjectiveTransformV3(
    images=images,
    transforms=transforms,
    output_shape=size,
    fill_value=0.0,
    interpolation='BILINEAR',
    fill_mode='NEAREST',
  )
