"""Networks: parameter counts derived by hand, and one list through every way of running them."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline import errors, networks
from pipeline.networks import ModelSpec


def spec(network, shape=(28, 28, 1), num_classes=10, latent_size=64):
  K = num_classes if networks.takes_labels(network) else 0
  return ModelSpec(
    network=network,
    latent_size=latent_size,
    num_classes=K,
    class_names=tuple(str(k) for k in range(K)),
    image_shape=shape,
  )


ALL = [spec('digits'), spec('digits', num_classes=0), spec('dcgan'), spec('digits', (32, 32, 3))]


def inputs(spec, batch=3):
  latents = tf.random.stateless_normal([batch, spec.latent_size], [0, 0])
  return latents, tf.range(batch) % max(spec.num_classes, 1)


def batch_norm(features):
  return 4 * features


def test_dcgan_has_the_weights_of_its_table():
  pair = networks.build(spec('dcgan', latent_size=100))
  generator = (
    100 * 7 * 7 * 256
    + batch_norm(7 * 7 * 256)
    + 5 * 5 * 256 * 128
    + batch_norm(128)
    + 5 * 5 * 128 * 64
    + batch_norm(64)
    + 5 * 5 * 64 * 1
  )
  discriminator = (5 * 5 * 1 + 1) * 64 + (5 * 5 * 64 + 1) * 128 + 7 * 7 * 128 + 1
  assert pair.generator.count_params() == generator
  assert pair.discriminator.count_params() == discriminator


@pytest.mark.parametrize('spec', ALL, ids=lambda s: f'{s.network}-{s.num_classes}-{s.image_shape}')
def test_shapes_ranges_and_graph_equals_eager(spec):
  pair = networks.build(spec)
  latents, labels = inputs(spec)
  images = pair.generate(latents, labels, training=False)
  assert images.shape == (3, *spec.image_shape)
  assert np.abs(images).max() <= 1
  logits = pair.discriminate(images, labels, training=False)
  assert logits.shape == (3,)
  graph = tf.function(lambda: pair.discriminate(images, labels, training=False))()
  np.testing.assert_allclose(graph, logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('network', ['digits'])
def test_labels_reach_both_networks(network):
  pair = networks.build(spec(network))
  latents, labels = inputs(spec(network))
  images = pair.generate(latents, labels, training=False)
  assert np.abs(images - pair.generate(latents, labels + 1, training=False)).max() > 1e-4
  logits = [pair.discriminate(images, labels + k, training=False) for k in (0, 1)]
  assert np.abs(logits[0] - logits[1]).max() > 1e-6


@pytest.mark.parametrize('spec', ALL, ids=lambda s: f'{s.network}-{s.num_classes}-{s.image_shape}')
def test_every_weight_gets_a_gradient(spec):
  pair = networks.build(spec)
  latents, labels = inputs(spec, batch=12)
  with tf.GradientTape(persistent=True) as tape:
    logits = pair.discriminate(pair.generate(latents, labels, training=True), labels, True)
    loss = tf.reduce_mean(tf.nn.softplus(-logits))
  for model in (pair.generator, pair.discriminator):
    for variable in model.trainable_variables:
      assert tape.gradient(loss, variable) is not None, variable.name


def test_the_default_generator_avoids_what_mobile_delegates_compute_wrongly():
  kinds = {type(layer).__name__ for layer in networks.build(spec('digits')).generator.layers}
  assert 'Conv2DTranspose' not in kinds
  assert 'DepthToSpace' in kinds


def test_an_image_size_that_a_network_can_not_make_is_refused():
  with pytest.raises(errors.ConfigError, match='Choose an --image_size that 4 divides'):
    networks.build(spec('digits', (30, 30, 1)))
