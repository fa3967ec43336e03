import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pipeline.config.train import TrainConfig
from pipeline.train import optimizers
from pipeline.train.optimizers import FusedAdam


def course(kind, beta1, strategy=None):
  """Weights after each of four updates, with a rate that falls."""
  weights = []
  strategy = strategy or tf.distribute.get_strategy()
  with strategy.scope():
    variables = [tf.Variable(np.linspace(-1, 1, 6, dtype=np.float32)), tf.Variable([[2.0]])]
    rate = tf_keras.optimizers.schedules.CosineDecay(0.1, 10)
    adam = kind(rate, beta_1=beta1, beta_2=0.9, epsilon=1e-8, jit_compile=False)
    adam.build(variables)

  def update(step):
    gradients = [tf.cast(step + 1, tf.float32) * variables[0] ** 3 - 0.1, 2 * variables[1]]
    adam.apply_gradients(zip(gradients, variables, strict=True))

  for step in range(4):
    strategy.run(update, (tf.constant(step),))
    weights.append(np.concatenate([tf.reshape(v, [-1]).numpy() for v in variables]))
  return np.stack(weights)


@pytest.mark.parametrize('beta1', [0.0, 0.5, 0.9])
def test_one_pass_equals_the_elementwise_updates(beta1):
  expected = course(tf_keras.optimizers.Adam, beta1)
  np.testing.assert_allclose(course(FusedAdam, beta1), expected, rtol=1e-5, atol=1e-6)
  assert np.abs(np.diff(expected, axis=0)).min() > 1e-4


def test_mirrored_variables_are_updated_as_well():
  mirrored = course(FusedAdam, 0.5, tf.distribute.MirroredStrategy(['CPU:0']))
  np.testing.assert_allclose(mirrored, course(FusedAdam, 0.5), rtol=1e-6)


def test_checkpoints_of_the_base_class_can_be_read(tmp_path):
  variable = tf.Variable([1.0, 2.0])
  plain = tf_keras.optimizers.Adam(0.1, jit_compile=False)
  plain.build([variable])
  plain.apply_gradients([(tf.constant([1.0, -1.0]), variable)])
  path = tf.train.Checkpoint(adam=plain).save(str(tmp_path / 'ckpt'))
  fused = FusedAdam(0.1)
  fused.build([tf.Variable([0.0, 0.0])])
  tf.train.Checkpoint(adam=fused).restore(path).assert_existing_objects_matched()
  for actual, wanted in zip(fused.variables, plain.variables, strict=True):
    np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize('gradient', [1e-5, 1e-3, 1.0])
@pytest.mark.parametrize(('name', 'first_step'), [('adam', 1), ('rmsprop', 10**0.5)])
def test_the_size_of_the_gradients_does_not_matter(name, first_step, gradient):
  config = TrainConfig(optimizer=name, generator_learning_rate=1.0, learning_rate_decay='none')
  optimizer = optimizers.make(
    config, 'generator', 'float32', tf.Variable(1.0), tf.Variable(0, dtype=tf.int64)
  )
  variable = tf.Variable([2.0])
  optimizer.build([variable])
  optimizer.apply_gradients([(tf.constant([gradient]), variable)])
  np.testing.assert_allclose(variable, [2.0 - first_step], rtol=0.02)
