"""Trains the encoder of a generator that knows normal images alone.

"izi_f" of Schlegl et al. 2019 (serving/anomaly.py): image to latent to image, and what the
discriminator sees of both; generator and discriminator stay as they are.
Legend: N images, H height, W width, C channels.
"""

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline.console import Console
from pipeline.generator import Generator
from pipeline.networks.encoder import encoder
from serving import anomaly

_BATCH_SIZE = 64
_LEARNING_RATE = 1e-3  # of Adam at the first step; falls to 0 along a cosine


def fit_encoder(
  generator: Generator,
  discriminator: tf_keras.Model,
  pixels: np.ndarray,
  num_steps: int,
  seed: int,
  console: Console,
) -> tf_keras.Model:
  """An encoder by which the generator redraws images as nearly as it can.

  Args:
    generator: without labels; not changed.
    discriminator: of the same snapshot; not changed.
    pixels: uint8 [N, H, W, C], normal images.
    num_steps: batches of 64 images.
    seed: of the initial weights and the order of the images.
    console: shows progress.

  Returns:
    [B, H, W, C] in [-1, 1] -> [B, Z].
  """
  tf_keras.utils.set_random_seed(seed)
  model = encoder(generator.spec)
  features = anomaly.features_of(discriminator)
  for fixed in (generator.model, features):
    fixed.trainable = False
  redrawn = generator.model(model.output)
  student = tf_keras.Model(model.input, [redrawn, features(redrawn)])
  rate = tf_keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, num_steps)
  student.compile(
    tf_keras.optimizers.Adam(rate),
    loss=['mse', 'mse'],
    loss_weights=[1.0, anomaly.FEATURE_WEIGHT],
  )
  batches = _batches(pixels, features, seed)
  with console.progress('fit the encoder', num_steps, 'steps') as progress:
    told = tf_keras.callbacks.LambdaCallback(
      on_batch_end=lambda step, logs: progress.update(step + 1, loss=float(logs['loss']))
    )
    student.fit(batches, epochs=1, steps_per_epoch=num_steps, verbose=0, callbacks=[told])
  return model


def _batches(pixels: np.ndarray, features: tf_keras.Model, seed: int) -> tf.data.Dataset:
  """Images without end, each as input and, with its features, as what is wanted."""

  def with_features(batch: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    images = tf.cast(batch, tf.float32) / 127.5 - 1
    return images, (images, features(images, training=False))

  images = tf.data.Dataset.from_tensor_slices(pixels)
  shuffled = images.shuffle(len(pixels), seed=seed, reshuffle_each_iteration=True).repeat()
  return shuffled.batch(_BATCH_SIZE, drop_remainder=True).map(with_features)
