"""How varied a generator's images are, beside as many real ones: a glance that takes a second.

Losses do not tell when all images come to look the same. The features are those of fixed random
convolutions, which are there before the first step and for any data; averaged over places they tell
images apart nearly as trained ones do (Saxe et al. 2011, On Random Weights and Unsupervised Feature
Learning). Pixels would not do: noise is more varied in them than images are. The figures that a
model is chosen and judged by come from the evaluate stage.

Legend: N images, H height, W width, C channels, D features, K classes.
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline.generator import to_pixels
from pipeline.latents import latents_from_seeds
from pipeline.networks import ModelSpec

_NUM_IMAGES = 512  # looked at
_NUM_FITTED = 2048  # real ones that the reading of classes is fitted to
_MAX_SIZE = 32  # height and width that larger images are reduced to
_NUM_FILTERS, _FILTER_SIZE, _NUM_PLACES = 64, 5, 4  # 64 filters, averaged over 4x4 places
_RIDGE = 0.01  # as a multiple of the features' mean variance
_MIN_A_CLASS = 4  # real images; with fewer, the spread is not taken class by class
_TINY = 1e-12  # keeps a ratio finite


class Diversity:
  """The same latents, labels and real images every time."""

  def __init__(
    self,
    spec: ModelSpec,
    generator: tf_keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
  ) -> None:
    """Looks at real images.

    Args:
      spec: of the pair.
      generator: to be measured.
      images: uint8 [N, H, W, C], real.
      labels: int64 [N], their classes.
      num_classes: K of the data, also where the generator takes no labels; 0 without classes.
    """
    rows = np.random.default_rng(0).permutation(len(images))
    looked_at, fitted = rows[:_NUM_IMAGES], rows[-_NUM_FITTED:]  # apart, where there are so many
    seeds = np.arange(len(looked_at), dtype=np.int64)
    self._inputs = [latents_from_seeds(seeds, spec.latent_size)]
    if spec.is_conditional:
      self._inputs.append(tf.constant(labels[looked_at], tf.int32))
    self._generate = tf.function(lambda inputs: generator(inputs, training=False), autograph=False)
    # One image a class is as varied as the classes are, so classes that are asked for count apart.
    apart = spec.is_conditional and _MIN_A_CLASS * num_classes <= len(looked_at)
    self._groups = labels[looked_at] if apart else np.zeros(len(looked_at), np.int64)
    self._reader = None
    if num_classes > 1:
      self._reader = _Reader.fit(features(images[fitted]), labels[fitted], num_classes)
    self._real = self._measure(images[looked_at])

  def ratios(self) -> dict[str, float]:
    """The generator's figures as multiples of the real images': 1 is as varied as they are."""
    images = tf.cast(self._generate(self._inputs), tf.float32).numpy()
    found = self._measure(to_pixels((images + 1) / 2))
    return {f'{name}_ratio': found[name] / max(self._real[name], _TINY) for name in found}

  def _measure(self, images: np.ndarray) -> dict[str, float]:
    seen = features(images)
    figures = {'spread': spread(seen, self._groups)}
    if self._reader:
      figures['class_entropy'] = _entropy(self._reader.read(seen))
    return figures


def features(images: np.ndarray) -> np.ndarray:
  """What random convolutions see.

  Args:
    images: uint8 [N, H, W, C].

  Returns:
    float64 [N, D].
  """
  height, width, channels = images.shape[1:]
  size = min(height, _MAX_SIZE), min(width, _MAX_SIZE)
  shape = [_FILTER_SIZE, _FILTER_SIZE, channels, _NUM_FILTERS]
  filters = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
  window = [-(-length // _NUM_PLACES) for length in size]
  seen = []
  for start in range(0, len(images), _NUM_IMAGES):
    pixels = tf.cast(images[start : start + _NUM_IMAGES], tf.float32) / 127.5 - 1
    responses = tf.nn.relu(tf.nn.conv2d(tf.image.resize(pixels, size, 'area'), filters, 1, 'SAME'))
    pooled = tf.nn.avg_pool2d(responses, window, window, 'SAME').numpy()
    seen.append(pooled.reshape(len(pooled), -1).astype(np.float64))
  return np.concatenate(seen)


def spread(seen: np.ndarray, groups: np.ndarray) -> float:
  """Root of the mean squared distance of features [N, D] from the mean of their group, int [N]."""
  squares = [
    np.sum(np.square(seen[groups == group] - seen[groups == group].mean(axis=0)))
    for group in np.unique(groups)
  ]
  return float(np.sqrt(sum(squares) / len(seen)))


@dataclasses.dataclass(frozen=True)
class _Reader:
  """Ridge regression from features to classes."""

  mean: np.ndarray  # [D]
  weights: np.ndarray  # [D, K]
  class_shares: np.ndarray  # [K]

  @classmethod
  def fit(cls, seen: np.ndarray, labels: np.ndarray, num_classes: int) -> '_Reader':
    mean, targets = seen.mean(axis=0), np.eye(num_classes)[labels]
    centred, shares = seen - mean, targets.mean(axis=0)
    products = centred.T @ centred
    ridge = _RIDGE * products.trace() / len(products) + _TINY
    weights = np.linalg.solve(
      products + ridge * np.eye(len(products)), centred.T @ (targets - shares)
    )
    return cls(mean, weights, shares)

  def read(self, seen: np.ndarray) -> np.ndarray:
    """The share of each class among those read: [K]."""
    read = ((seen - self.mean) @ self.weights + self.class_shares).argmax(axis=1)
    return np.bincount(read, minlength=len(self.class_shares)) / len(read)


def _entropy(shares: np.ndarray) -> float:
  """In nats."""
  return float(np.sum(shares * np.log(1 / np.where(shares > 0, shares, 1))))
