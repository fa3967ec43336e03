"""The compute type: chosen, or measured on the device at hand."""

import tensorflow as tf
import tf_keras

from pipeline.train import timing

_TRIES = 5
_WORTH_IT = 1.3  # least speed-up at which bfloat16 is taken


def choose(requested: str) -> tuple[str, str]:
  """The tf_keras dtype policy for this device, and the reason in a few words."""
  if requested != 'auto':
    return requested, 'as asked'
  gpus = tf.config.list_physical_devices('GPU')
  if gpus:
    return _for_gpu(tf.config.experimental.get_device_details(gpus[0]))
  speedup = _measure(tf.float32) / _measure(tf.bfloat16)
  policy = 'mixed_bfloat16' if speedup >= _WORTH_IT else 'float32'
  return policy, f'bfloat16 convolutions ran {speedup:.1f}x as fast as float32 here'


def _for_gpu(details: dict[str, object]) -> tuple[str, str]:
  capability = details.get('compute_capability', (0, 0))
  reason = f'GPU of compute capability {capability}'
  if capability >= (8, 0):  # type: ignore[operator]
    return 'mixed_bfloat16', reason
  return ('mixed_float16' if capability >= (7, 0) else 'float32'), reason  # type: ignore[operator]


def _measure(dtype: tf.DType) -> float:
  """Seconds of a training-sized convolution, the best of a few."""
  images = tf.cast(tf.random.stateless_normal([128, 14, 14, 128], seed=[0, 0]), dtype)
  kernel = tf.cast(tf.random.stateless_normal([3, 3, 128, 128], seed=[0, 1]), dtype)
  convolve = tf.function(lambda: tf.nn.conv2d(images, kernel, 1, 'SAME'))
  return timing.best_s(lambda: convolve().numpy(), _TRIES)


def optimizer(policy: str, adam: tf_keras.optimizers.Optimizer) -> tf_keras.optimizers.Optimizer:
  """Wraps an optimiser for loss scaling where the policy needs it: one for each network."""
  if policy == 'mixed_float16':
    return tf_keras.mixed_precision.LossScaleOptimizer(adam)
  return adam
