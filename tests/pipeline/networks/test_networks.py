"""Networks: parameter counts derived by hand, and one list through every way of running them."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline import errors, networks
from pipeline.config.train import NETWORKS
from pipeline.networks import ModelSpec, spectral
from pipeline.networks.residual import num_doublings

WAYS = ('per_class', 'embedding', 'projection', 'auxiliary')


def spec(network, shape=(28, 28, 1), num_classes=0, latent_size=100, **settings):
  return ModelSpec(
    network=network,
    latent_size=latent_size,
    num_classes=num_classes,
    class_names=tuple(str(k) for k in range(num_classes)),
    image_shape=shape,
    **settings,
  )


SHAPES = {'dcgan64': (32, 32, 1)}
PLAIN = [spec(name, SHAPES.get(name, (28, 28, 1))) for name in NETWORKS]
CONDITIONAL = [
  dataclasses.replace(s, num_classes=5, class_names=tuple('abcde'), conditioning=way)
  for s in PLAIN
  for way in WAYS
  if s.network in ('digits', 'dcgan', 'mlp') or way == 'projection'
]
SPECIAL = [
  spec('digits', (32, 32, 3)),
  spec('digits', (8, 8, 1)),
  spec('residual', (48, 48, 3), upsampling='antialiased'),
  spec('digits', generator_width=0.5),
  spec('residual', generator_width=0.25),
  spec('digits', minibatch='stddev'),
  spec('mlp', minibatch='stddev'),
  spec('dcgan', minibatch='discrimination'),
  spec('dcgan', num_classes=4, conditioning='projection', spectral_norm=True),
  spec('dcgan64', (32, 32, 3), spectral_norm=True),
]
ALL = PLAIN + CONDITIONAL + SPECIAL
WITH_TRAINING_AIDS = [s for s in ALL if s.spectral_norm or s.network == 'dcgan']


def name_of(s):
  settings = (s.conditioning if s.num_classes else '', s.minibatch, s.upsampling)
  kept = [text for text in settings if text not in ('', 'none', 'depth_to_space')]
  if s.generator_width != 1:
    kept.append(f'width{s.generator_width:g}')
  return '-'.join([s.network, 'x'.join(map(str, s.image_shape)), *kept, *['sn'] * s.spectral_norm])


each = pytest.mark.parametrize('spec', ALL, ids=name_of)


def inputs(spec, batch=3):
  latents = tf.random.stateless_normal([batch, spec.latent_size], [0, 0])
  return latents, tf.range(batch) % max(spec.num_classes, 1)


def batch_norm(features):
  return 4 * features  # scale, shift, mean, variance


def dropout():
  return 3  # no weights: its key and its count of calls


# Every term is one line of the recipe's table.
COUNTS = {
  'mlp': (
    (100 + 1) * 128 + (128 + 1) * 784,
    (784 + 1) * 128 + 128 + 1,
  ),
  'dcgan': (
    100 * 7 * 7 * 256
    + batch_norm(7 * 7 * 256)
    + 5 * 5 * 256 * 128
    + batch_norm(128)
    + 5 * 5 * 128 * 64
    + batch_norm(64)
    + 5 * 5 * 64 * 1,
    (5 * 5 * 1 + 1) * 64 + (5 * 5 * 64 + 1) * 128 + 2 * dropout() + 7 * 7 * 128 + 1,
  ),
  'dcgan64': (
    4 * 4 * 100 * 1024
    + batch_norm(1024)
    + 4 * 4 * 1024 * 512
    + batch_norm(512)
    + 4 * 4 * 512 * 256
    + batch_norm(256)
    + 4 * 4 * 256 * 128
    + batch_norm(128)
    + 4 * 4 * 128 * 1,
    4 * 4 * 1 * 64
    + 4 * 4 * 64 * 128
    + batch_norm(128)
    + 4 * 4 * 128 * 256
    + batch_norm(256)
    + 4 * 4 * 256 * 512
    + batch_norm(512)
    + 4 * 4 * 512
    + 1,
  ),
  'dcgan_deconv4': (
    (100 + 1) * 7 * 7 * 128 + 2 * (4 * 4 * 128 + 1) * 128 + 7 * 7 * 128 + 1,
    (3 * 3 + 1) * 64 + (3 * 3 * 64 + 1) * 64 + 2 * dropout() + 7 * 7 * 64 + 1,
  ),
  'dcgan_bn': (
    (100 + 1) * 7 * 7 * 256
    + batch_norm(7 * 7 * 256)
    + (4 * 4 * 256 + 1) * 128
    + batch_norm(128)
    + 7 * 7 * 128
    + 1,
    (4 * 4 + 1) * 64 + (4 * 4 * 64 + 1) * 128 + 2 * dropout() + 7 * 7 * 128 + 1,
  ),
}


@pytest.mark.parametrize('network', COUNTS)
def test_weights_are_those_of_the_table(network):
  pair = networks.build(spec(network, (64, 64, 1) if network == 'dcgan64' else (28, 28, 1)))
  found = pair.generator.count_params(), pair.discriminator.count_params()
  assert found == COUNTS[network]


@pytest.mark.parametrize(
  ('way', 'head'),
  [
    ('per_class', (128 + 1) * 10),
    ('embedding', (128 + 10 + 1) * 128 + 128 + 1),
    ('projection', 128 + 1 + 10 * 128),
    ('auxiliary', (128 + 1) * (1 + 10)),
  ],
)
def test_weights_of_each_way_to_use_labels(way, head):
  pair = networks.build(spec('mlp', num_classes=10, conditioning=way))
  embedding = 10 * 10
  generator = embedding + (100 + 10 + 1) * 128 + (128 + 1) * 784
  assert pair.generator.count_params() == generator
  assert pair.discriminator.count_params() == (784 + 1) * 128 + head


@pytest.mark.parametrize(('upsampling', 'maps'), [('depth_to_space', 4), ('antialiased', 1)])
def test_weights_of_the_residual_pair(upsampling, maps):
  pair = networks.build(spec('residual', (32, 32, 3), upsampling=upsampling))
  steps = [(256, 128), (128, 64), (64, 32)]
  assert pair.generator.count_params() == (
    (100 + 1) * 4 * 4 * 256
    + sum(batch_norm(wide) + 3 * 3 * wide * maps * narrow for wide, narrow in steps)
    + sum(batch_norm(narrow) + 3 * 3 * narrow * narrow for _, narrow in steps)
    + sum(wide * narrow for wide, narrow in steps)
    + batch_norm(32)
    + (3 * 3 * 32 + 1) * 3
  )
  assert pair.discriminator.count_params() == (
    (3 * 3 * 3 + 1) * 32
    + sum((3 * 3 * narrow + 1) * wide + (3 * 3 * wide + 1) * wide for wide, narrow in steps)
    + sum(narrow * wide for wide, narrow in steps)
    + 4 * 4 * 256
    + 1
  )


@pytest.mark.parametrize(
  ('multiple', 'deep', 'shallow'), [(1, 96, 48), (2, 192, 96), (0.7, 64, 32), (0.125, 16, 8)]
)
def test_the_width_of_the_generator_is_that_of_its_hidden_layers(multiple, deep, shallow):
  pair = networks.build(spec('digits', generator_width=multiple))
  assert pair.generator.count_params() == (
    100 * 7 * 7 * deep
    + batch_norm(7 * 7 * deep)
    + 3 * 3 * deep * deep
    + batch_norm(deep)
    + 3 * 3 * deep * 4 * shallow
    + batch_norm(4 * shallow)
    + 3 * 3 * shallow * shallow
    + batch_norm(shallow)
    + (3 * 3 * shallow + 1) * 4
  )
  assert pair.discriminator.count_params() == (
    (4 * 4 * 1 + 1) * 48
    + (4 * 4 * 48 + 1) * 96
    + (3 * 3 * 96 + 1) * 128
    + (3 * 3 * 128 + 1) * 128
    + 5 * 5 * 128
    + 1
  )


@pytest.mark.parametrize('way', ['none', 'embedding', 'projection'])
def test_initial_weights_of_dcgan64_are_those_of_its_paper(way):
  tf_keras.utils.set_random_seed(0)
  classes = 0 if way == 'none' else 5
  pair = networks.build(spec('dcgan64', (32, 32, 1), classes, conditioning=way))
  convolutions = [v for v in pair.generator.weights if 'conv' in v.name]
  kernels = convolutions + [v for v in pair.discriminator.weights if 'kernel' in v.name]
  assert len(kernels) == 5 + (5 if way == 'none' else 6)
  for kernel in kernels:
    np.testing.assert_allclose([np.mean(kernel), np.std(kernel)], [0, 0.02], atol=2e-3)
  scales = [v for model in (pair.generator, pair.discriminator) for v in model.weights]
  scales = [v for v in scales if 'gamma' in v.name]
  assert len(scales) == 4 + 3
  for scale in scales:
    np.testing.assert_allclose([np.mean(scale), np.std(scale)], [1, 0.02], atol=6e-3)


@each
def test_shapes_ranges_and_graph_equals_eager(spec):
  pair = networks.build(spec)
  latents, labels = inputs(spec)
  images = pair.generate(latents, labels, training=False)
  assert images.shape == (3, *spec.image_shape)
  assert np.abs(images).max() <= 1
  logits = pair.discriminate(images, labels, training=False)
  assert logits.shape == (3,)
  whole = pair.discriminator([images, labels][: len(pair.discriminator.inputs)], training=False)
  np.testing.assert_allclose(whole, logits, rtol=1e-4, atol=1e-5)
  graph = tf.function(lambda: pair.discriminate(images, labels, training=False))()
  np.testing.assert_allclose(graph, logits, rtol=1e-4, atol=1e-5)


@each
def test_every_weight_gets_a_gradient(spec):
  pair = networks.build(spec)
  latents, labels = inputs(spec, batch=12)
  with tf.GradientTape() as tape:
    images = pair.generate(latents, labels, training=True)
    loss = tf.reduce_mean(tf.nn.softplus(-pair.discriminate(images, labels, training=True)))
    if spec.conditioning == 'auxiliary' and spec.num_classes:
      classes = pair.class_logits(pair.features(images, training=True), training=True)
      assert classes.shape == (12, spec.num_classes)
      loss += tf.reduce_mean(tf.square(classes))
  variables = pair.generator.trainable_variables + pair.discriminator.trainable_variables
  for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
    assert gradient is not None, variable.name


@pytest.mark.parametrize('spec', CONDITIONAL, ids=name_of)
def test_labels_reach_both_networks(spec):
  pair = networks.build(spec)
  latents, labels = inputs(spec)
  images = pair.generate(latents, labels, training=False)
  assert np.abs(images - pair.generate(latents, labels + 1, training=False)).max() > 1e-4
  logits = [pair.discriminate(images, labels + k, training=False) for k in (0, 1)]
  differ = np.abs(logits[0] - logits[1]).max() > 1e-6
  assert differ == (spec.conditioning != 'auxiliary')  # an auxiliary classifier names the label


@pytest.mark.parametrize(
  'spec', [s for s in ALL if s.spectral_norm or s.network == 'dcgan'], ids=name_of
)
def test_what_only_training_needs_is_folded_away_and_no_logit_changes(spec):
  pair = networks.build(spec)
  for layer in spectral.layers(pair.discriminator):
    layer.iterate()
  plain = dataclasses.replace(pair, discriminator=networks.folded(spec, pair.discriminator))
  assert not spectral.layers(plain.discriminator)
  assert all(weight.dtype == tf.float32 for weight in plain.discriminator.weights)
  images, labels = tf.random.stateless_normal([4, *spec.image_shape], [1, 1]), tf.range(4)
  np.testing.assert_allclose(
    plain.discriminate(images, labels % max(spec.num_classes, 1), training=False),
    pair.discriminate(images, labels % max(spec.num_classes, 1), training=False),
    rtol=1e-4,
    atol=1e-5,
  )


@pytest.mark.parametrize('spec', [s for s in ALL if s.minibatch != 'none'], ids=name_of)
def test_an_exported_discriminator_scores_an_image_whatever_its_batch(spec):
  pair = networks.build(spec)
  images = 0.1 * tf.random.stateless_normal([4, *spec.image_shape], [1, 1])
  pair.discriminate(images, None, training=True)
  plain = networks.folded(spec, pair.discriminator)
  scores = plain(images, training=False)
  alone = tf.concat([plain(image[None], training=False) for image in images], axis=0)
  np.testing.assert_allclose(alone, scores, rtol=1e-4, atol=1e-6)
  np.testing.assert_allclose(
    scores, pair.discriminate(images, None, training=False), rtol=1e-4, atol=1e-6
  )
  [mean] = plain.get_layer('body').non_trainable_weights
  assert np.max(mean) > 0  # what training has seen


def test_the_default_generator_avoids_what_mobile_delegates_compute_wrongly():
  kinds = {type(layer).__name__ for layer in networks.build(spec('digits')).generator.layers}
  assert 'Conv2DTranspose' not in kinds
  assert 'DepthToSpace' in kinds


@pytest.mark.parametrize(
  ('size', 'doublings', 'first'),
  [(28, 2, 7), (32, 3, 4), (48, 3, 6), (64, 4, 4), (96, 4, 6), (128, 5, 4)],
)
def test_residual_maps_begin_small(size, doublings, first):
  assert num_doublings(size) == doublings
  assert size >> doublings == first


def test_the_residual_pair_reaches_128_pixels_in_colour():
  pair = networks.build(spec('residual', (128, 128, 3)))
  latents, _ = inputs(spec('residual'), batch=1)
  images = pair.generate(latents, None, training=False)
  assert images.shape == (1, 128, 128, 3)
  assert np.std(images) > 0
  maps = [layer.output_shape for layer in pair.generator.layers if layer.name.startswith('add')]
  sides = [(shape[1], shape[3]) for shape in maps]
  assert sides == [(8, 128), (16, 64), (32, 32), (64, 32), (128, 32)]
  assert np.isfinite(pair.discriminate(images, None, training=False)).all()


@pytest.mark.parametrize(('network', 'multiple'), [('digits', 4), ('dcgan64', 16)])
def test_an_image_size_that_a_network_can_not_make_is_refused(network, multiple):
  with pytest.raises(errors.ConfigError, match=f'Choose an --image_size that {multiple} divides'):
    networks.build(spec(network, (30, 30, 1)))
