"""The judge's eyes: a fixed classifier that turns images into features and class probabilities.

Figures measured through another network are other figures, so a network's digest is part of their
names. The packaged one reads MNIST digits (made by `train_feature_net.py`); data that it can't read
gets a network fitted to its own training split.

Legend: N images, H height, W width, C channels, D = 128 features, K classes.
"""

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline import errors, npz
from pipeline.evaluate import feature_model, feature_training

MNIST_WEIGHTS = pathlib.Path(__file__).parent / 'weights' / 'mnist.npz'
_BATCH_SIZE = 500

_HELD_OUT_FRACTION, _MAX_HELD_OUT = 0.1, 2000
_MIN_FIT_IMAGES = 20
_WEIGHT_PREFIX = 'weight/'


class Reading(NamedTuple):
  """What a feature net sees in N images."""

  features: np.ndarray  # float32 [N, D]
  probabilities: np.ndarray  # float32 [N, K]


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureNet:
  """A fitted feature network; its weights are float16, so a saved one is the same network."""

  name: str
  image_shape: tuple[int, int, int]  # H, W, C
  num_classes: int
  reads_labels: bool  # False: its classes are quarter turns, not the data's
  accuracy: float  # on images that it wasn't fitted to
  weights: Mapping[str, np.ndarray]  # float16, by name

  @functools.cached_property
  def _function(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """uint8 [B, H, W, C] to (features, probabilities)."""
    model = feature_model.build_feature_model(self.image_shape, self.num_classes, seed=0)
    for variable in model.weights:
      variable.assign(self.weights[_name_of(variable)].astype(np.float32))

    def read(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      features, logits = model(tf.cast(images, tf.float32), training=False)
      return features, tf.nn.softmax(logits)

    images = tf.TensorSpec([None, *self.image_shape], tf.uint8)
    return tf.function(read, input_signature=[images], autograph=False)

  @classmethod
  def load(cls, path: pathlib.Path = MNIST_WEIGHTS) -> 'FeatureNet':
    """A network from its file.

    Raises:
      ArtifactError: a file that is missing, damaged or of another kind.
    """
    with npz.opened(path, 'feature network') as arrays:
      height, width, channels = arrays['image_shape'].tolist()
      feature_net = cls(
        name=str(arrays['name']),
        image_shape=(height, width, channels),
        num_classes=int(arrays['num_classes']),
        reads_labels=bool(arrays['reads_labels']),
        accuracy=float(arrays['accuracy']),
        weights={
          key.removeprefix(_WEIGHT_PREFIX): arrays[key]
          for key in arrays.files
          if key.startswith(_WEIGHT_PREFIX)
        },
      )
      # Reading builds the network, so that wrong weights show here.
      feature_net.read(np.zeros([1, height, width, channels], np.uint8))
      return feature_net

  @classmethod
  def fit(
    cls,
    images: np.ndarray,
    labels: np.ndarray | None,
    num_classes: int,
    seed: int,
    *,
    name: str = 'own',
    num_steps: int,
    on_step: Callable[[int], None] = lambda step: None,
  ) -> 'FeatureNet':
    """A network fitted to a data set; a tenth of it is held out to measure the accuracy.

    Args:
      images: uint8 [N, H, W, C].
      labels: int64 [N]; None (or fewer than 2 classes) fits the network to tell quarter turns apart
        instead.
      num_classes: K.
      seed: of weights, order, augmentation and held-out images.
      name: what the network is called in the names of figures.
      num_steps: updates, of 128 images each.
      on_step: called with the number of finished steps.

    Raises:
      DataError: fewer than 20 images.
    """
    if len(images) < _MIN_FIT_IMAGES:
      raise errors.DataError(
        f'{len(images)} training images (FeatureNet.fit) are too few to fit a judge.'
        f' Provide {_MIN_FIT_IMAGES} or more.'
      )
    reads_labels = labels is not None and num_classes >= 2
    rows = np.random.default_rng(seed).permutation(len(images))
    num_held_out = min(_MAX_HELD_OUT, int(len(images) * _HELD_OUT_FRACTION))
    held_out, fitted = (
      (images[part], labels[part])
      if labels is not None and reads_labels
      else feature_training.rotation_task(images[part])
      for part in (rows[:num_held_out], rows[num_held_out:])
    )
    num_classes = num_classes if reads_labels else feature_training.NUM_TURNS
    model = feature_training.train_feature_model(*fitted, num_classes, seed, num_steps, on_step)
    return from_model(model, name, reads_labels, *held_out)

  def save(self, path: pathlib.Path) -> None:
    """Writes the network to one .npz file."""
    arrays = {
      'name': np.array(self.name),
      'image_shape': np.array(self.image_shape),
      'num_classes': np.array(self.num_classes),
      'reads_labels': np.array(self.reads_labels),
      'accuracy': np.array(self.accuracy),
    }
    arrays |= {_WEIGHT_PREFIX + key: value for key, value in self.weights.items()}
    np.savez_compressed(path, allow_pickle=False, **arrays)

  @property
  def digest(self) -> str:
    """First 8 hex digits of the SHA-256 over the weights: name, type, shape and values."""
    sha256 = hashlib.sha256()
    for key in sorted(self.weights):
      value = self.weights[key]
      sha256.update(f'{key} {value.dtype.str} {value.shape}\n'.encode())
      sha256.update(np.ascontiguousarray(value).tobytes())
    return sha256.hexdigest()[:8]

  @property
  def tag(self) -> str:
    """`name-digest`, the suffix of every figure measured through this network."""
    return f'{self.name}-{self.digest}'

  def read(
    self, images: np.ndarray, on_images: Callable[[int], None] = lambda count: None
  ) -> Reading:
    """Features and probabilities of images, in one pass.

    Args:
      images: uint8 [N, H, W, C].
      on_images: called with the number of images read so far.

    Raises:
      ValueError: images of another type or shape.
    """
    if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
      raise ValueError(
        f'images are {images.dtype} {images.shape} (FeatureNet {self.name!r}).'
        f' Pass uint8 [N, {", ".join(map(str, self.image_shape))}].'
      )
    features = np.empty([len(images), feature_model.NUM_FEATURES], np.float32)
    probabilities = np.empty([len(images), self.num_classes], np.float32)
    for start in range(0, len(images), _BATCH_SIZE):
      rows = slice(start, min(start + _BATCH_SIZE, len(images)))
      features[rows], probabilities[rows] = self._function(tf.constant(images[rows]))
      on_images(rows.stop)
    return Reading(features, probabilities)

  def features(self, images: np.ndarray) -> np.ndarray:
    """float32 [N, D] of uint8 [N, H, W, C]."""
    return self.read(images).features

  def probabilities(self, images: np.ndarray) -> np.ndarray:
    """float32 [N, K] of uint8 [N, H, W, C]; rows sum to 1."""
    return self.read(images).probabilities


def from_model(
  model: tf_keras.Model, name: str, reads_labels: bool, images: np.ndarray, labels: np.ndarray
) -> FeatureNet:
  """The feature net of a trained model; its accuracy is measured on the given images.

  Args:
    model: from `train_feature_model`.
    name: of the network.
    reads_labels: whether its classes are the data's.
    images: uint8 [N, H, W, C], not used in training.
    labels: int64 [N].
  """
  feature_net = FeatureNet(
    name=name,
    image_shape=tuple(images.shape[1:]),
    num_classes=model.output_shape[1][-1],
    reads_labels=reads_labels,
    accuracy=float('nan'),
    weights={_name_of(w): w.numpy().astype(np.float16) for w in model.weights},
  )
  read = feature_net.probabilities(images).argmax(axis=1)
  return dataclasses.replace(feature_net, accuracy=float(np.mean(read == labels)))


def _name_of(variable: tf.Variable) -> str:
  return str(variable.name).split(':')[0]
