"""XLA: used where it is faster, which only the device at hand can tell."""

from collections.abc import Callable

import tensorflow as tf

from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec
from pipeline.train import timing
from pipeline.train.state import TrainState
from pipeline.train.step import GradientStep

_TRIES = 3
_HOPELESS = 10  # times a step without XLA: one such is enough, it may take most of a minute


def choose(
  spec: ModelSpec, config: TrainConfig, policy: str, num_replicas: int
) -> tuple[bool, str]:
  """Whether to compile the gradients with XLA, and the reason in a few words.

  `auto` times both on a twin of the networks, at one replica's batch and without a lazy penalty.
  """
  if config.debug_numerics:
    return False, '--debug_numerics sees no operation that XLA compiles'
  if config.xla != 'auto':
    return config.xla == 'on', 'as asked'
  if num_replicas > 1 and not tf.config.list_physical_devices('GPU'):
    return False, 'logical CPU devices share one XLA thread pool'
  state = TrainState.create(spec, config, policy)
  plain, compiled = (_gradients(state, spec, config, num_replicas, xla) for xla in (False, True))
  plain_s = timing.best_s(plain, _TRIES)
  compiled_s = timing.best_s(compiled, _TRIES, enough_s=_HOPELESS * plain_s)
  is_lazy = config.penalises_gradients and config.penalty_every_steps > 1
  what = 'a step without penalty' if is_lazy else 'a step'
  times = f'{compiled_s * 1e3:.0f} ms with XLA against {plain_s * 1e3:.0f} ms without'
  return compiled_s < plain_s, f'{what} took {times}'


def _gradients(
  state: TrainState, spec: ModelSpec, config: TrainConfig, num_replicas: int, xla: bool
) -> Callable[[], object]:
  """One plain gradient step, waited for."""
  optimizers = (state.generator_optimizer, state.discriminator_optimizer)
  step = GradientStep(state.pair, config, optimizers)
  gradients = tf.function(step, jit_compile=xla or None, autograph=False)
  batch = config.batch_size // num_replicas
  pixels = tf.zeros([batch, *spec.image_shape], tf.uint8)
  labels = tf.zeros([batch], tf.int32)
  update = tf.constant(config.batches_per_step, tf.int64)  # of step 1, between lazy penalties

  def run() -> object:
    computed = gradients(pixels, labels, update, 0, tf.constant(0.0))
    return tf.nest.map_structure(lambda x: x.numpy(), computed)

  return run
