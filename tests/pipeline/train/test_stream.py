import numpy as np
import pytest
import tensorflow as tf

from pipeline import errors
from pipeline.train import stream
from pipeline.train.parts import Parts


def _stream(num_images, batch_size, seed=0, first_step=0, num_steps=1):
  """[num_steps, batch_size] indices, read back from the images and checked against the labels."""
  images = np.arange(num_images, dtype=np.uint8).reshape(-1, 1, 1, 1)
  batches = stream.training_batches(images, np.arange(num_images), batch_size, seed, first_step)
  indices = []
  for batch_images, labels in batches.take(num_steps):
    np.testing.assert_array_equal(batch_images[:, 0, 0, 0], labels)
    indices.append(labels.numpy())
  return np.stack(indices)


def test_shapes_and_types():
  batches = stream.training_batches(np.zeros((9, 4, 4, 3), np.uint8), np.zeros(9), 5, 0, 0)
  images, labels = batches.element_spec
  assert (images.shape, images.dtype) == ((5, 4, 4, 3), tf.uint8)
  assert (labels.shape, labels.dtype) == ((5,), tf.int32)


@pytest.mark.parametrize(('num_images', 'batch_size'), [(1, 1), (7, 3), (10, 10), (100, 64)])
def test_every_epoch_visits_every_image_once(num_images, batch_size):
  stream = _stream(num_images, batch_size, num_steps=-(-3 * num_images // batch_size)).ravel()
  for epoch in stream[: 3 * num_images].reshape(3, num_images):
    assert sorted(epoch) == list(range(num_images))


def test_epochs_and_seeds_differ():
  first, second = _stream(100, 100, seed=1, num_steps=2)
  (other,) = _stream(100, 100, seed=2)
  assert (first != second).any()
  assert (first != other).any()
  assert (first != np.arange(100)).any()


@pytest.mark.parametrize(
  ('num_images', 'batch_size', 'seed', 'first_step'), [(40, 7, 0, 5), (9, 9, 3, 1), (5, 2, 9, 30)]
)
def test_beginning_later_equals_skipping(num_images, batch_size, seed, first_step):
  whole = _stream(num_images, batch_size, seed, num_steps=first_step + 4)
  tail = _stream(num_images, batch_size, seed, first_step, num_steps=4)
  np.testing.assert_array_equal(tail, whole[first_step:])


def test_far_along_the_stream():
  step = 10**9  # positions beyond 32 bits
  tail = _stream(7, 3, first_step=step, num_steps=7).ravel()
  skip = -(step * 3) % 7
  assert sorted(tail[skip : skip + 7]) == list(range(7))


def test_eager_and_graph_agree():
  graph = tf.function(stream.batch_indices)
  for step in (0, 4):
    args = tf.constant(step, tf.int64), 6, 20, 3
    np.testing.assert_array_equal(graph(*args), stream.batch_indices(*args))
    np.testing.assert_array_equal(_stream(20, 6, 3, step)[0], stream.batch_indices(*args))


def test_successive_epochs_are_not_correlated():
  # With the four rounds of tf.random.experimental.index_shuffle this reaches 0.9.
  count = 60_000
  orders = [stream.batch_indices(tf.constant(e, tf.int64), count, count, 0) for e in range(8)]
  matrix = np.corrcoef(np.stack([order.numpy() for order in orders]))
  assert np.abs(matrix - np.eye(8)).max() < 5 / np.sqrt(count)


def test_a_batch_larger_than_the_data():
  with pytest.raises(errors.DataError, match=r'--batch_size=8 is larger than the 7 training'):
    _stream(7, 8)


def _streams(parts, num_steps=10, first_step=0):
  """[num_steps, replicas of the process, 2]: positions of the images in the whole split."""
  numbers = np.array(parts.images)
  images = numbers.astype(np.uint8).reshape(-1, 1, 1, 1)
  batches = stream.training_batches(images, numbers, 2, 0, first_step, parts)
  taken = [labels.numpy() for _, labels in batches.take(num_steps * parts.number)]
  return np.reshape(taken, [num_steps, parts.number, 2])


def test_replicas_get_the_same_images_in_one_process_as_in_several():
  together = _streams(Parts(23, num_replicas=3, number=3))
  apart = [_streams(Parts(23, num_replicas=3, first=replica)) for replica in range(3)]
  np.testing.assert_array_equal(together, np.concatenate(apart, axis=1))
  np.testing.assert_array_equal(_streams(Parts(23, 3, 0, 3), 4, first_step=6), together[6:])


def test_replicas_see_equal_parts_that_have_orders_of_their_own():
  first, second = np.moveaxis(_streams(Parts(20, num_replicas=2, number=2)), 1, 0).reshape(2, 20)
  assert sorted(first[:10]) == list(range(10))
  assert sorted(second[10:]) == list(range(10, 20))
  assert (first != second - 10).any()


def test_a_batch_larger_than_the_parts():
  with pytest.raises(errors.DataError, match=r'--batch_size=4 is larger than the 3 training'):
    _streams(Parts(3, num_replicas=2))
