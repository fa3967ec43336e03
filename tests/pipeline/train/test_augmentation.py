"""Augmentation: against NumPy, differentiable, and the same for real and generated images."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline.config.train import TrainConfig
from pipeline.train import augmentation, random
from pipeline.train.random import Draw
from pipeline.train.views import Views

KEY = tf.constant([3, 4])


def images(batch=6, size=16, channels=3):
  return tf.random.stateless_uniform([batch, size, size, channels], [0, 1], -1.0, 1.0)


def test_a_shifted_image_holds_the_pixels_it_kept_and_black():
  before = images().numpy()
  after = augmentation.translate(tf.constant(before), KEY).numpy()
  shifts = set()
  for one, moved in zip(before, after, strict=True):
    found = [
      (dy, dx)
      for dy in range(-2, 3)
      for dx in range(-2, 3)
      if np.allclose(moved, shifted(one, dy, dx), atol=1e-6)
    ]
    assert len(found) == 1
    shifts.add(found[0])
  assert len(shifts) > 2


def shifted(image, dy, dx):
  """Row i of the result is row i + dy of the image; black beyond it."""
  padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), constant_values=-1)
  size = len(image)
  return padded[2 + dy : 2 + dy + size, 2 + dx : 2 + dx + size]


def test_shifts_reach_an_eighth_either_way_equally_often():
  line = tf.tile(tf.reshape(tf.range(16.0), [1, 16, 1, 1]), [4000, 1, 16, 1])
  moved = augmentation.translate(line, KEY).numpy()[:, 8, 8, 0] - 8
  shift, counts = np.unique(np.round(moved), return_counts=True)
  inside = np.isin(shift, [-2, -1, 0, 1, 2])
  assert inside.sum() == 5
  # A column pushed out at the side leaves black, so that not every image shows its shift here.
  np.testing.assert_allclose(counts[inside] / counts[inside].sum(), 0.2, atol=0.03)


def test_cutout_blackens_one_rectangle_of_at_most_half_the_side():
  white = tf.ones([300, 16, 16, 1])
  black = augmentation.cutout(white, KEY).numpy()[..., 0] == -1
  heights, widths = black.any(axis=2).sum(axis=1), black.any(axis=1).sum(axis=1)
  np.testing.assert_array_equal(black.sum(axis=(1, 2)), heights * widths)
  assert (heights.max(), widths.max()) == (8, 8)
  assert heights.min() >= 4
  assert 0.1 < black.mean() < 0.25


def test_colour_leaves_the_order_of_brightness_and_grey_images():
  grey = images(channels=1)
  np.testing.assert_array_equal(augmentation.augment(grey, ['color'], tf.constant(1.0), KEY), grey)
  before = images().numpy()
  after = augmentation.color(tf.constant(before), KEY).numpy()
  for one, changed in zip(before.mean(axis=-1), after.mean(axis=-1), strict=True):
    np.testing.assert_array_equal(np.argsort(one, axis=None), np.argsort(changed, axis=None))


def test_colour_is_brightness_then_saturation_then_contrast():
  x = images().numpy()
  ranges = ((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5))
  brightness, saturation, contrast = (
    random.uniform([len(x), 1, 1, 1], key, *bounds).numpy()
    for key, bounds in zip(random.split(KEY, 3), ranges, strict=True)
  )
  bright = x + brightness
  grey = bright.mean(axis=-1, keepdims=True)
  saturated = grey + saturation * (bright - grey)
  mean = saturated.mean(axis=(1, 2, 3), keepdims=True)
  expected = mean + contrast * (saturated - mean)
  np.testing.assert_allclose(augmentation.color(tf.constant(x), KEY), expected, atol=1e-5)


@pytest.mark.parametrize('name', augmentation.OPERATIONS)
def test_gradients_reach_the_pixels_that_are_left(name):
  x = images()
  with tf.GradientTape() as tape:
    tape.watch(x)
    total = tf.reduce_sum(augmentation.OPERATIONS[name](x, KEY))
  gradient = tape.gradient(total, x).numpy()
  assert np.isfinite(gradient).all()
  assert np.mean(gradient != 0) > 0.5


@pytest.mark.parametrize('jit', [False, True])
def test_the_compiled_augmentation_is_the_same(jit):
  operations = ['translation', 'cutout']  # XLA makes other floats of the same random bits
  function = tf.function(
    lambda x: augmentation.augment(x, operations, tf.constant(1.0), KEY), jit_compile=jit
  )
  expected = augmentation.augment(images(), operations, tf.constant(1.0), KEY)
  np.testing.assert_allclose(function(images()), expected, atol=1e-5)


@pytest.mark.parametrize('probability', [0.0, 0.3, 1.0])
def test_each_image_is_augmented_with_the_probability(probability):
  white = tf.ones([3000, 8, 8, 1])
  out = augmentation.augment(white, ['cutout'], tf.constant(probability), KEY).numpy()
  share = np.mean((out == -1).any(axis=(1, 2, 3)))
  np.testing.assert_allclose(share, probability, atol=0.03)


def test_the_adaptive_probability_follows_the_overfitting():
  grow = augmentation.adapted(tf.constant(0.5), tf.constant(0.9), 0.6, 64, 640)
  fall = augmentation.adapted(tf.constant(0.5), tf.constant(0.1), 0.6, 64, 640)
  np.testing.assert_allclose([grow, fall], [0.6, 0.4], rtol=1e-6)
  for start, sign in ((1.0, 0.9), (0.0, 0.1)):
    assert float(augmentation.adapted(tf.constant(start), tf.constant(sign), 0.6, 64, 640)) == start


def views(strength=1.0, update=0, **settings):
  config = TrainConfig(train_steps=100, **settings)
  return Views(config, Draw(0, tf.constant(update, tf.int64), 0), tf.constant(strength))


def test_without_settings_the_discriminator_sees_the_image_itself():
  x = images()
  assert views().of_real(x) is x


def test_real_and_generated_images_are_augmented_alike_but_not_the_same():
  x = tf.ones([2000, 16, 16, 1])
  seen = views(augment='diffaugment')
  real, fake = seen.of_real(x).numpy(), seen.of_fake(x).numpy()
  assert (real != fake).any()
  np.testing.assert_allclose(real.mean(), fake.mean(), atol=0.02)


def black_share(seen):
  return np.mean(seen == -1)


def spread_of_brightness(seen):
  return np.std(seen.mean(axis=(1, 2, 3)))


@pytest.mark.parametrize('probability', [0.3, 1.0])
@pytest.mark.parametrize(
  ('operation', 'trace'),
  [('translation', black_share), ('cutout', black_share), ('color', spread_of_brightness)],
)
def test_augmentation_does_not_leak_from_what_the_generator_makes(operation, trace, probability):
  """A generator that copied the traces of an augmentation would be seen to have more of them."""
  x = tf.ones([4000, 16, 16, 3])
  already = augmentation.augment(x, [operation], tf.constant(probability), tf.constant([9, 9]))
  seen = views(augment='ada', strength=probability, augment_operations=operation, loss='hinge')
  real, fake, copied = (
    trace(images.numpy()) for images in (seen.of_real(x), seen.of_fake(x), seen.of_fake(already))
  )
  np.testing.assert_allclose(fake, real, rtol=0.05)
  assert copied > 1.2 * real


def test_instance_noise_fades_on_a_line():
  x = tf.zeros([64, 16, 16, 1])
  deviations = [
    float(tf.math.reduce_std(views(update=step, instance_noise=0.2).of_real(x)))
    for step in (0, 50, 100, 150)
  ]
  np.testing.assert_allclose(deviations, [0.2, 0.1, 0, 0], atol=0.005)
