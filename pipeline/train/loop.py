"""Many steps in one call of a compiled function, over the replicas of a strategy."""

import tensorflow as tf

from pipeline.config import TrainConfig
from pipeline.train.averaging import ema_decay, update_average
from pipeline.train.state import TrainState
from pipeline.train.step import Gradients, GradientStep

_NAMES = (
  'generator_loss',
  'discriminator_loss',
  'mismatch_loss',
  'real_logit',
  'fake_logit',
  'r1_penalty',
  'r2_penalty',
)


class TrainLoop:
  """Steps of `GradientStep`, each followed by both updates and the generator's average."""

  def __init__(
    self, state: TrainState, config: TrainConfig, strategy: tf.distribute.Strategy, xla: bool
  ) -> None:
    self._state, self._config, self._strategy = state, config, strategy
    optimizers = (state.generator_optimizer, state.discriminator_optimizer)
    step = GradientStep(state.pair, config, optimizers)
    # XLA compiles the gradients alone: applying them merges replicas, which it can't.
    self._gradients = tf.function(step, jit_compile=xla or None, autograph=False)

  @tf.function(reduce_retracing=True)
  def run(self, batches: object, num_steps: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Trains on the next batches.

    Args:
      batches: iterator of (pixels uint8 [B, H, W, C], labels int32 [B]), distributed if the
        strategy is.
      num_steps: scalar int64.

    Returns:
      Metrics, each the mean over the steps, and the seconds spent waiting for batches (0, because
      unmeasured, with --deterministic).
    """
    totals = {name: tf.constant(0.0) for name in _NAMES}
    waited_s, finished_s = tf.constant(0.0, tf.float64), self._clock_s()
    for _ in tf.range(num_steps):
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      pixels, labels = next(batches)  # type: ignore[call-overload]
      with tf.control_dependencies(tf.nest.flatten([pixels, labels], expand_composites=True)):
        got_s = self._clock_s()
      # A batch that came before the last step was through made nobody wait.
      waited_s += tf.maximum(got_s - finished_s, 0.0)
      with tf.control_dependencies([got_s]):  # no work of this step counts as waiting
        pixels, labels = tf.nest.map_structure(
          tf.identity, (pixels, labels), expand_composites=True
        )
      metrics = self._step(pixels, labels)
      totals = {name: totals[name] + metrics[name] for name in _NAMES}
      with tf.control_dependencies(self._results()):
        finished_s = self._clock_s()
    steps = tf.cast(num_steps, tf.float32)
    # A lazy penalty is zero on the steps between.
    every = float(self._config.penalty_every_steps)
    means = {
      name: total / steps * (every if name.endswith('_penalty') else 1.0)
      for name, total in totals.items()
    }
    return means, waited_s

  def _clock_s(self) -> tf.Tensor:
    # TensorFlow refuses to read the time where everything must be reproducible.
    return tf.constant(0.0, tf.float64) if self._config.deterministic else tf.timestamp()

  def _results(self) -> list[tf.Tensor]:
    """What a step writes last, read after it is written."""
    variables = self._state.average.weights + self._state.pair.discriminator.trainable_variables
    return [tf.convert_to_tensor(variable) for variable in variables]

  def _step(self, pixels: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
    state, config = self._state, self._config
    metrics = self._strategy.run(self._replica_step, (pixels, labels, state.step))
    state.step.assign_add(1)
    images_seen = tf.cast(state.step * config.batch_size, tf.float32)
    decay = ema_decay(images_seen, config.batch_size, config.ema_halflife_images)
    update_average(state.average.weights, state.pair.generator.weights, decay)
    return {
      name: self._strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
      for name, value in metrics.items()
    }

  def _replica_step(
    self, pixels: tf.Tensor, labels: tf.Tensor, step: tf.Tensor
  ) -> dict[str, tf.Tensor]:
    context = tf.distribute.get_replica_context()
    replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
    gradients: Gradients = self._gradients(pixels, labels, tf.identity(step), replica)
    generator_gradients, discriminator_gradients, metrics = gradients
    self._apply('generator', generator_gradients)
    self._apply('discriminator', discriminator_gradients)
    return metrics

  def _apply(self, name: str, gradients: list[tf.Tensor]) -> None:
    optimizer = getattr(self._state, f'{name}_optimizer')
    variables = getattr(self._state.pair, name).trainable_variables
    if hasattr(optimizer, 'get_unscaled_gradients'):
      gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
