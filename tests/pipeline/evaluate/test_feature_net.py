import dataclasses
import hashlib

import numpy as np
import pytest

from pipeline import errors
from pipeline.evaluate import feature_net
from pipeline.evaluate.feature_net import FeatureNet


def _shapes(count, seed=0):
  """Two classes of 12x12 colour images: bright above or bright on the left; and their labels."""
  rng = np.random.default_rng(seed)
  images = rng.integers(0, 60, [count, 12, 12, 3], dtype=np.uint8)
  labels = rng.integers(0, 2, count)
  images[labels == 0, :6] += 150
  images[labels == 1, :, :6] += 150
  return images, labels


@pytest.fixture(scope='module')
def own_net():
  return FeatureNet.fit(*_shapes(300), num_classes=2, seed=1, num_steps=30)


def test_packaged_network_reads_digits(mnist_net, digits, digits_reading):
  assert (mnist_net.name, mnist_net.num_classes, mnist_net.image_shape) == (
    'mnist',
    10,
    (28, 28, 1),
  )
  assert mnist_net.accuracy >= 0.995  # on the MNIST test set, as its file states
  assert np.mean(digits_reading.probabilities.argmax(axis=1) == digits[1]) >= 0.99


def test_packaged_files_are_small(mnist_net):
  folder = feature_net.MNIST_WEIGHTS.parent
  assert sum(path.stat().st_size for path in folder.glob('*.npz')) < 1.5e6


def test_reading_has_the_promised_shapes(mnist_net, digits):
  reading = mnist_net.read(digits[0][:7])
  assert (reading.features.shape, reading.features.dtype) == ((7, 128), np.float32)
  np.testing.assert_allclose(reading.probabilities.sum(axis=1), 1, rtol=1e-5)
  np.testing.assert_array_equal(mnist_net.features(digits[0][:7]), reading.features)
  np.testing.assert_array_equal(mnist_net.probabilities(digits[0][:7]), reading.probabilities)


def test_reading_does_not_depend_on_the_batch(mnist_net, digits, digits_reading, monkeypatch):
  monkeypatch.setattr(feature_net, '_BATCH_SIZE', 3)
  counts = []
  reading = mnist_net.read(digits[0][:8], counts.append)
  np.testing.assert_allclose(reading.features, digits_reading.features[:8], atol=1e-3)
  assert counts == [3, 6, 8]


def test_features_are_not_saturated(digits_reading):
  features = digits_reading.features
  assert features.std(axis=0).min() > 0.05  # none is dead
  assert np.linalg.matrix_rank(np.cov(features, rowvar=False), tol=1e-5) == 128


@pytest.mark.parametrize(
  'images', [np.zeros([2, 28, 28, 1], np.float32), np.zeros([2, 32, 32, 1], np.uint8)]
)
def test_other_images_are_refused(mnist_net, images):
  with pytest.raises(ValueError, match=r'uint8 \[N, 28, 28, 1\]'):
    mnist_net.read(images)


def test_digest_is_of_the_weights_in_order_of_name(mnist_net):
  sha256 = hashlib.sha256()
  for name, value in sorted(mnist_net.weights.items()):
    sha256.update(f'{name} {value.dtype.str} {value.shape}\n'.encode() + value.tobytes())
  assert mnist_net.digest == sha256.hexdigest()[:8]
  assert mnist_net.tag == f'mnist-{mnist_net.digest}'
  backwards = dict(reversed(mnist_net.weights.items()))
  assert dataclasses.replace(mnist_net, weights=backwards).digest == mnist_net.digest


def test_digest_changes_with_any_weight(mnist_net):
  for name in mnist_net.weights:
    changed = mnist_net.weights[name].copy()
    changed.flat[-1] = np.nextafter(changed.flat[-1], np.float16(np.inf))
    other = dataclasses.replace(mnist_net, weights={**mnist_net.weights, name: changed})
    assert other.digest != mnist_net.digest, name


def test_saved_network_is_the_same(own_net, tmp_path):
  own_net.save(tmp_path / 'net.npz')
  again = FeatureNet.load(tmp_path / 'net.npz')
  assert again.tag == own_net.tag
  assert (again.accuracy, again.reads_labels) == (own_net.accuracy, own_net.reads_labels)
  images = _shapes(20, seed=5)[0]
  np.testing.assert_array_equal(again.features(images), own_net.features(images))


def test_fitted_network_reads_new_images(own_net):
  images, labels = _shapes(100, seed=7)
  assert own_net.name == 'own'
  assert own_net.reads_labels
  assert own_net.accuracy > 0.9
  assert np.mean(own_net.probabilities(images).argmax(axis=1) == labels) > 0.9


@pytest.mark.parametrize(('labels', 'num_classes'), [(None, 0), (np.zeros(200, np.int64), 1)])
def test_without_classes_the_network_tells_turns_apart(labels, num_classes):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 60, [200, 12, 12, 1], dtype=np.uint8)
  images[:, :6] += 150
  net = FeatureNet.fit(images, labels, num_classes, seed=1, num_steps=30)
  assert not net.reads_labels
  turned = np.ascontiguousarray(np.rot90(images, 3, axes=(1, 2)))
  assert np.mean(net.probabilities(turned).argmax(axis=1) == 3) > 0.9


def test_large_images_end_in_as_many_features():
  images = np.random.default_rng(0).integers(0, 256, [24, 96, 96, 3], dtype=np.uint8)
  net = FeatureNet.fit(images, np.arange(24) % 3, 3, seed=0, num_steps=1)
  assert net.features(images).shape == (24, 128)


def test_too_few_images_are_refused():
  with pytest.raises(errors.DataError, match='19 training images'):
    FeatureNet.fit(*_shapes(19), num_classes=2, seed=0, num_steps=1)


@pytest.mark.parametrize(
  'damage', ['missing', 'truncated', 'flipped bit', 'text', 'other shape', 'no weight']
)
def test_damaged_file_is_one_clear_line(own_net, tmp_path, damage):
  path = tmp_path / 'net.npz'
  if damage == 'other shape':
    dataclasses.replace(own_net, image_shape=(28, 28, 1)).save(path)
  elif damage == 'no weight':
    some = dict(list(own_net.weights.items())[1:])
    dataclasses.replace(own_net, weights=some).save(path)
  elif damage == 'text':
    path.write_text('hello')
  elif damage == 'flipped bit':
    own_net.save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
  elif damage == 'truncated':
    own_net.save(path)
    path.write_bytes(path.read_bytes()[:1000])
  with pytest.raises(errors.ArtifactError, match=r'net\.npz is no feature network'):
    FeatureNet.load(path)
