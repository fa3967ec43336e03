"""One step's gradients: what each setting adds to them."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipeline import networks
from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec
from pipeline.train import augmentation, random
from pipeline.train import step as steps
from pipeline.train.losses import LOSSES
from pipeline.train.random import Draw
from pipeline.train.step import GradientStep, to_model_range
from pipeline.train.terms import wrong_labels
from tests.pipeline.train.points import penalty_points

SPEC = ModelSpec(
  network='digits',
  latent_size=4,
  num_classes=5,
  class_names=tuple('abcde'),
  image_shape=(8, 8, 1),
)
BATCH = 12


@pytest.fixture(scope='module')
def pair():
  tf.random.set_seed(0)
  return networks.build(SPEC)


def batch():
  pixels = tf.random.stateless_uniform([BATCH, 8, 8, 1], [1, 2], 0, 256, tf.int32)
  return tf.cast(pixels, tf.uint8), tf.range(BATCH) % SPEC.num_classes


def gradient_step(pair, **changes):
  config = TrainConfig(latent_size=4, batch_size=BATCH, **changes)
  return GradientStep(pair, config, (None, None))


def gradients(pair, update=1, learners=steps.BOTH, **changes):
  pixels, labels = batch()
  step = gradient_step(pair, **changes)
  return step(pixels, labels, tf.constant(update, tf.int64), 0, tf.constant(1.0), learners)


def draw(update=1, replica=0):
  return Draw(0, tf.constant(update, tf.int64), tf.constant(replica))


def flat(tensors):
  return np.concatenate([tf.reshape(tensor, [-1]).numpy() for tensor in tensors])


def test_wrong_labels_are_all_the_others_and_equally_likely(pair):
  labels = tf.repeat(tf.range(SPEC.num_classes), 4000)
  wrong = wrong_labels(labels, pair, draw()).numpy()
  counts = np.zeros([SPEC.num_classes] * 2, np.int64)
  np.add.at(counts, (labels.numpy(), wrong), 1)
  assert (np.diag(counts) == 0).all()
  others = counts[~np.eye(SPEC.num_classes, dtype=bool)]
  np.testing.assert_allclose(others, 1000, atol=150)


def test_wrong_labels_change_with_the_update_and_the_replica(pair):
  labels = tf.zeros([64], tf.int32)
  draws = {
    tuple(wrong_labels(labels, pair, draw(update, replica)).numpy())
    for update in range(3)
    for replica in range(2)
  }
  assert len(draws) == 6


@pytest.mark.parametrize('loss', sorted(LOSSES))
def test_mismatch_adds_its_own_gradient_to_the_discriminator_alone(pair, loss):
  pixels, labels = batch()
  wrong = wrong_labels(labels, pair, draw())
  with tf.GradientTape() as tape:
    logits = [pair.discriminate(to_model_range(pixels), y, training=True) for y in (labels, wrong)]
    expected_loss = tf.reduce_mean(LOSSES[loss].discriminator(*logits))
  expected = flat(tape.gradient(expected_loss, pair.discriminator.trainable_variables))
  generator, discriminator, metrics = gradients(pair, loss=loss, mismatch_weight=0.5)
  plain_generator, plain_discriminator, plain = gradients(pair, loss=loss)
  np.testing.assert_allclose(metrics['mismatch_loss'], expected_loss, rtol=1e-5)
  assert 'mismatch_loss' not in plain
  difference = flat(discriminator) - flat(plain_discriminator)
  np.testing.assert_allclose(difference, 0.5 * expected, rtol=1e-3, atol=1e-6)
  np.testing.assert_allclose(flat(generator), flat(plain_generator), atol=1e-7)


def test_a_lazy_penalty_counts_for_the_steps_between(pair):
  settings = {'r1_gamma': 50.0, 'mismatch_weight': 0.2}
  between = flat(gradients(pair, 1, **settings, penalty_every_steps=4)[1])
  lazy = flat(gradients(pair, 4, **settings, penalty_every_steps=4)[1])
  always = flat(gradients(pair, 4, **settings, penalty_every_steps=1)[1])
  never = flat(gradients(pair, 4, **settings | {'r1_gamma': 0.0})[1])
  np.testing.assert_allclose(lazy - never, 4 * (always - never), rtol=1e-3, atol=2e-7)
  assert np.abs(always - never).max() > 1e-5
  np.testing.assert_allclose(
    between, flat(gradients(pair, 1, **settings | {'r1_gamma': 0.0})[1]), atol=1e-7
  )


def image_gradients(pair, images, labels):
  with tf.GradientTape() as tape:
    tape.watch(images)
    logits = pair.discriminate(images, labels, training=True)
  return tape.gradient(logits, images)


@pytest.mark.parametrize(
  ('setting', 'metric', 'points', 'measure', 'factor'),
  [
    ('r1_gamma', 'r1_penalty', 'real', lambda n: n**2, 0.5),
    ('r2_gamma', 'r2_penalty', 'fake', lambda n: n**2, 0.5),
    ('wgan_gp_weight', 'wgan_gp_penalty', 'between', lambda n: (n - 1) ** 2, 1),
    ('dragan_weight', 'dragan_penalty', 'around', lambda n: (n - 1) ** 2, 1),
  ],
)
def test_each_gradient_penalty_is_taken_at_its_points_by_its_factor(
  pair, setting, metric, points, measure, factor
):
  pixels, labels = batch()
  real = to_model_range(pixels)
  latents = tf.random.stateless_normal([BATCH, 4], draw().key(random.LATENTS))
  fake = pair.generate(latents, labels, training=True)
  key = draw().key(random.PENALTY_POINTS)
  at = penalty_points(real, fake, key)[points]
  with tf.GradientTape() as tape:
    slopes = tf.reshape(image_gradients(pair, at, labels), [BATCH, -1])
    penalty = tf.reduce_mean(measure(tf.norm(slopes, axis=1)))
  variables = pair.discriminator.trainable_variables
  slope = flat(tape.gradient(penalty, variables, unconnected_gradients='zero'))
  settings = {'r1_gamma': 0.0, 'penalty_every_steps': 1} | {setting: 50.0}
  generator, discriminator, metrics = gradients(pair, **settings)
  plain = gradients(pair, r1_gamma=0.0)
  np.testing.assert_allclose(metrics[metric], penalty, rtol=1e-3)
  np.testing.assert_allclose(flat(generator), flat(plain[0]), atol=1e-7)
  difference = flat(discriminator) - flat(plain[1])
  np.testing.assert_allclose(difference, 50 * factor * slope, rtol=1e-3, atol=5e-6)
  assert np.abs(difference).max() > 1e-3


def inconsistency(pair, pixels, labels):
  real = to_model_range(pixels)
  moved = augmentation.translate(real, draw().key(random.CONSISTENCY))
  logits = [pair.discriminate(images, labels, training=True) for images in (real, moved)]
  return tf.reduce_mean((logits[0] - logits[1]) ** 2)


def similarity(pair, pixels, labels):
  keys = (random.LATENTS, random.OTHER_LATENTS)
  latents = [random.normal([BATCH, 4], draw().key(key)) for key in keys]
  images = [pair.generate(each, labels, training=True) for each in latents]
  between = tf.reduce_mean(tf.abs(latents[0] - latents[1]))
  apart = tf.reduce_mean(tf.abs(images[0] - images[1]))
  return between / (apart + 1e-5)


@pytest.mark.parametrize(
  ('setting', 'metric', 'oracle', 'learner'),
  [
    ('consistency_weight', 'consistency_loss', inconsistency, 1),
    ('diversity_weight', 'similarity_loss', similarity, 0),
  ],
)
def test_each_term_teaches_its_network_alone(pair, setting, metric, oracle, learner):
  with tf.GradientTape() as tape:
    value = oracle(pair, *batch())
  variables = (pair.generator, pair.discriminator)[learner].trainable_variables
  expected = 5 * flat(tape.gradient(value, variables))
  plain = gradients(pair, r1_gamma=0.0)
  more = gradients(pair, r1_gamma=0.0, **{setting: 5.0})
  np.testing.assert_allclose(more[2][metric], value, rtol=1e-4)
  added = [flat(a) - flat(b) for a, b in zip(more[:2], plain[:2], strict=True)]
  np.testing.assert_allclose(
    added[learner], expected, rtol=1e-2, atol=1e-4 * np.abs(expected).max()
  )
  np.testing.assert_allclose(added[1 - learner], 0, atol=1e-7)
  assert np.abs(expected).max() > 1e-3


def test_an_auxiliary_classifier_teaches_both_networks():
  spec = dataclasses.replace(SPEC, conditioning='auxiliary')
  pair = networks.build(spec)
  light, heavy = (
    gradients(pair, conditioning='auxiliary', auxiliary_weight=weight) for weight in (0.01, 1.0)
  )
  for index in range(2):
    assert np.abs(flat(heavy[index]) - flat(light[index])).max() > 1e-4
  np.testing.assert_allclose(heavy[2]['auxiliary_loss'], np.log(SPEC.num_classes), rtol=0.3)


@pytest.mark.parametrize('learners', [steps.BOTH, steps.GENERATOR, steps.DISCRIMINATOR])
def test_the_auxiliary_classifier_reads_the_images_of_who_learns(learners):
  pair = networks.build(dataclasses.replace(SPEC, conditioning='auxiliary'))
  pixels, labels = batch()
  latents = random.normal([BATCH, 4], draw().key(random.LATENTS))
  fake = pair.generate(latents, labels, training=True)
  images = fake if learners == steps.GENERATOR else to_model_range(pixels)
  logits = pair.class_logits(pair.features(images, training=True), training=True)
  expected = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  metrics = gradients(pair, learners=learners, conditioning='auxiliary')[2]
  np.testing.assert_allclose(metrics['auxiliary_loss'], tf.reduce_mean(expected), rtol=1e-5)


@pytest.mark.parametrize('learners', [steps.GENERATOR, steps.DISCRIMINATOR])
def test_one_network_may_learn_alone(pair, learners):
  both, alone = gradients(pair), gradients(pair, learners=learners)
  for learns, wanted, found in zip(learners, both[:2], alone[:2], strict=True):
    if learns:
      np.testing.assert_allclose(flat(found), flat(wanted), atol=1e-7)
    else:
      assert found == []


@pytest.mark.parametrize(
  'penalties', [{'r1_gamma': 1.0, 'r2_gamma': 1.0}, {'r1_gamma': 0.0, 'wgan_gp_weight': 1.0}]
)
def test_every_metric_that_is_promised_comes(pair, penalties):
  settings = penalties | {
    'mismatch_weight': 0.1,
    'consistency_weight': 1.0,
    'diversity_weight': 1.0,
    'instance_noise': 0.1,
    'augment': 'diffaugment',
    'loss': 'non_saturating',
    'label_smoothing': 0.1,
  }
  for update in (0, 1):
    metrics = gradients(pair, update=update, **settings)[2]
    assert set(metrics) == set(gradient_step(pair, **settings).metric_names)
    assert all(np.isfinite(value) for value in metrics.values())
