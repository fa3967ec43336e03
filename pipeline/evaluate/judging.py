"""Chooses the feature network and the real images that fit a data set."""

import pathlib

import numpy as np

from pipeline import dataset, errors
from pipeline.config.evaluate import EvaluateConfig
from pipeline.console import Console
from pipeline.evaluate.feature_net import FeatureNet
from pipeline.evaluate.reference import MNIST_TEST, Reals, Reference

_DIGITS = tuple('0123456789')
_MIN_ACCURACY = 0.9  # below it, 28x28 images in ten classes called 0 to 9 are no digits
_NUM_CHECKED = 2000


def feature_net_for(
  config: EvaluateConfig,
  info: dataset.DatasetInfo,
  images: np.ndarray,
  labels: np.ndarray,
  console: Console,
) -> FeatureNet:
  """The packaged MNIST network where it can read the data, else one fitted to the training split.

  Args:
    config: seed and length of the fit.
    info: of the data set.
    images: uint8 [N, H, W, C], its training split.
    labels: int64 [N].
    console: shows the fit's progress.
  """
  if tuple(info.image_shape) == (28, 28, 1) and tuple(info.class_names) == _DIGITS:
    mnist = FeatureNet.load()
    rows = np.random.default_rng(config.seed).permutation(len(images))[:_NUM_CHECKED]
    read = mnist.probabilities(images[rows]).argmax(axis=1)
    accuracy = float(np.mean(read == labels[rows]))
    if accuracy >= _MIN_ACCURACY:
      return mnist
    console.log(f'the MNIST network reads {accuracy:.1%} of {info.name} as labelled: not digits')
  return _fitted(config, info, images, labels, console)


def _fitted(
  config: EvaluateConfig,
  info: dataset.DatasetInfo,
  images: np.ndarray,
  labels: np.ndarray,
  console: Console,
) -> FeatureNet:
  known = labels if info.num_classes >= 2 else None
  with console.progress('fit the judge', config.judge_fit_steps, 'steps') as progress:
    feature_net = FeatureNet.fit(
      images,
      known,
      info.num_classes,
      config.seed,
      num_steps=config.judge_fit_steps,
      on_step=progress.update,
    )
  console.log(f'judge {feature_net.tag} accuracy={feature_net.accuracy:.4f}')
  return feature_net


def reference_name(
  config: EvaluateConfig, info: dataset.DatasetInfo, feature_net: FeatureNet
) -> str:
  """Which real images to compare with: 'test', 'train' or 'mnist_test'.

  Raises:
    ConfigError: a reference that the data doesn't have.
  """
  has_test, is_mnist = 'test' in info.splits, feature_net.name == 'mnist'
  if config.reference == 'auto':
    packaged = info.name == 'mnist_sample' and is_mnist
    return 'test' if has_test else 'mnist_test' if packaged else 'train'
  if config.reference == 'test' and not has_test:
    raise errors.ConfigError(
      f'--reference=test (EvaluateConfig): {info.name} has no test split. Choose auto or train.'
    )
  if config.reference == 'mnist_test' and not is_mnist:
    raise errors.ConfigError(
      f'--reference=mnist_test (EvaluateConfig): {info.name} is not MNIST digits.'
      ' Choose auto, test or train.'
    )
  return config.reference


def reals_for(
  config: EvaluateConfig,
  ingest_dir: pathlib.Path,
  feature_net: FeatureNet,
  train_images: np.ndarray,
  console: Console,
) -> Reals:
  """Reads the real images.

  Args:
    config: names the reference.
    ingest_dir: the ingest artifact.
    feature_net: the judge.
    train_images: uint8 [N, H, W, C].
    console: shows progress.
  """
  name = reference_name(config, dataset.load_info(ingest_dir), feature_net)
  test_images = dataset.load_split(ingest_dir, 'test')[0] if name == 'test' else train_images[:0]
  with console.progress('read real images', len(train_images) + len(test_images), 'images') as bar:
    train = feature_net.read(train_images, bar.update)
    test = feature_net.read(test_images, lambda count: bar.update(len(train_images) + count))
  reference = None
  if name == 'mnist_test':
    reference = Reference.load(MNIST_TEST, feature_net)
  elif name == 'test':
    rows = np.random.default_rng(config.seed).permutation(len(test_images))
    reference = Reference.of('test', feature_net, test.features[rows])
  return Reals.of(reference, feature_net, train, config.seed)
