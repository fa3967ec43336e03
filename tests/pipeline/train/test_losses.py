import numpy as np
import pytest
import tensorflow as tf

from pipeline.train.losses import LOSSES

REAL = np.array([-3.0, -0.5, 0.0, 0.7, 4.0], np.float32)
FAKE = np.array([2.0, -0.2, 0.0, -1.3, 5.0], np.float32)


def sigmoid(x):
  return 1 / (1 + np.exp(-x.astype(np.float64)))


ORACLES = {
  'non_saturating': (
    lambda r, f: -np.log(sigmoid(r)) - np.log(1 - sigmoid(f)),
    lambda r, f: -np.log(sigmoid(f)),
  ),
  'minimax': (
    lambda r, f: -np.log(sigmoid(r)) - np.log(1 - sigmoid(f)),
    lambda r, f: np.log(1 - sigmoid(f)),
  ),
  'least_squares': (
    lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * f**2,
    lambda r, f: 0.5 * (f - 1) ** 2,
  ),
  'wasserstein': (lambda r, f: f - r, lambda r, f: -f),
  'relativistic_average': (
    lambda r, f: -np.log(sigmoid(r - f.mean())) - np.log(1 - sigmoid(f - r.mean())),
    lambda r, f: -np.log(sigmoid(f - r.mean())) - np.log(1 - sigmoid(r - f.mean())),
  ),
  'hinge': (
    lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f),
    lambda r, f: -f,
  ),
  'relativistic': (
    lambda r, f: -np.log(sigmoid(r - f)),
    lambda r, f: -np.log(sigmoid(f - r)),
  ),
}
SIDES = ('discriminator', 'generator')


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('side', SIDES)
def test_equals_its_formula_traced_and_untraced(name, side):
  function = getattr(LOSSES[name], side)
  expected = ORACLES[name][SIDES.index(side)](REAL, FAKE)
  for call in (function, tf.function(function)):
    value = call(tf.constant(REAL), tf.constant(FAKE)).numpy()
    assert value.shape == REAL.shape
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', LOSSES)
def test_the_discriminator_wants_real_up_and_fake_down_the_generator_fake_up(name):
  real, fake = tf.Variable(0.1 * REAL), tf.Variable(0.1 * FAKE)
  with tf.GradientTape(persistent=True) as tape:
    losses = [tf.reduce_sum(getattr(LOSSES[name], side)(real, fake)) for side in SIDES]
  d_real, d_fake = tape.gradient(losses[0], [real, fake])
  if name == 'least_squares':  # its logits have targets, 1 and 0, on either side
    np.testing.assert_allclose(d_real, real - 1)
    np.testing.assert_allclose(d_fake, fake)
    np.testing.assert_allclose(tape.gradient(losses[1], fake), fake - 1)
  else:
    assert np.all(d_real < 0)
    assert np.all(d_fake > 0)
    assert np.all(tape.gradient(losses[1], fake) < 0)


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('side', SIDES)
def test_gradients_equal_finite_differences(name, side):
  function = getattr(LOSSES[name], side)
  real, fake = (tf.constant(x.astype(np.float64)) for x in (REAL + 0.013, FAKE + 0.017))
  with tf.GradientTape() as tape:
    tape.watch(fake)
    loss = tf.reduce_sum(function(real, fake))
  step = 1e-6
  for index, gradient in enumerate(tape.gradient(loss, fake)):
    moved = step * tf.one_hot(index, len(REAL), dtype=tf.float64)
    up, down = (tf.reduce_sum(function(real, fake + sign * moved)) for sign in (1, -1))
    np.testing.assert_allclose(gradient, (up - down) / (2 * step), rtol=1e-5, atol=1e-8)


def test_no_overflow_at_extreme_logits():
  for loss in LOSSES.values():
    for side in SIDES:
      value = getattr(loss, side)(tf.constant([-1e4, 1e4]), tf.constant([1e4, -1e4]))
      assert np.all(np.isfinite(value))


@pytest.mark.parametrize('name', [name for name, loss in LOSSES.items() if loss.has_target])
def test_smoothing_moves_the_target_of_real_images_alone(name):
  real, fake = tf.constant(REAL), tf.constant(FAKE)
  plain, smooth = (LOSSES[name].smoothed(amount) for amount in (0.0, 0.1))
  oracle = {
    'least_squares': lambda r, f: 0.5 * (r - 0.9) ** 2 + 0.5 * f**2,
  }.get(
    name,
    lambda r, f: -0.9 * np.log(sigmoid(r)) - 0.1 * np.log(1 - sigmoid(r)) - np.log(1 - sigmoid(f)),
  )
  np.testing.assert_allclose(smooth.discriminator(real, fake), oracle(REAL, FAKE), rtol=1e-5)
  np.testing.assert_array_equal(smooth.generator(real, fake), plain.generator(real, fake))
  assert plain is LOSSES[name]
