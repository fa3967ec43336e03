"""Many steps in one call of a compiled function, over the replicas of a strategy."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from pipeline.config.train import TrainConfig
from pipeline.networks import spectral
from pipeline.train import augmentation
from pipeline.train.averaging import ema_decay, update_average
from pipeline.train.state import TrainState
from pipeline.train.step import BOTH, DISCRIMINATOR, GENERATOR, GradientStep

Batch = tuple[tf.Tensor, tf.Tensor]  # pixels, labels
Metrics = dict[str, tf.Tensor]
_GRADIENTS = 'gradients'  # among the metrics of an update: the size of each gradient


class Outcome(NamedTuple):
  """What some steps gave."""

  means: Metrics  # each the mean over the steps; lazy penalties are zero on those between
  waited_s: tf.Tensor  # seconds spent waiting for batches; 0 with --deterministic: unmeasured
  first_bad: tf.Tensor  # int64, the first step of the call with a value that is not finite, or -1
  bad: tf.Tensor  # bool, which of `health_names` it was


class TrainLoop:
  """Steps of `GradientStep`, each followed by the updates and by the generator's average."""

  def __init__(
    self, state: TrainState, config: TrainConfig, strategy: tf.distribute.Strategy, xla: bool
  ) -> None:
    self._state, self._config, self._strategy = state, config, strategy
    optimizers = (state.generator_optimizer, state.discriminator_optimizer)
    step = GradientStep(state.pair, config, optimizers)
    self.lazy_names = step.terms.lazy_names  # metrics of the penalties that need not come each step
    self._names = step.metric_names
    # XLA compiles the gradients alone: applying them merges replicas, which it can't.
    self._gradients = {
      learners: tf.function(
        functools.partial(step, learners=learners), jit_compile=xla or None, autograph=False
      )
      for learners in (BOTH, GENERATOR, DISCRIMINATOR)
    }

  @property
  def health_names(self) -> list[str]:
    """What is checked: in every step the metrics and gradients; after the last one the weights."""
    pair = self._state.pair
    variables = pair.generator.trainable_variables + pair.discriminator.trainable_variables
    gradients = [f'the gradient of {variable.name}' for variable in variables]
    return [*self._names, *gradients, *(f'the weight {each.name}' for each in self._written)]

  @tf.function(reduce_retracing=True)
  def run(self, batches: object, num_steps: tf.Tensor) -> 'Outcome':
    """Trains on the next batches.

    Args:
      batches: iterator of (pixels uint8 [B, H, W, C], labels int32 [B]), distributed if the
        strategy is.
      num_steps: scalar int64.

    Returns:
      What came of the steps.
    """
    totals = {name: tf.constant(0.0) for name in self._names}
    waited_s, finished_s = tf.constant(0.0, tf.float64), self._clock_s()
    num_checked = len(self.health_names) - len(self._written)
    first_bad, bad = tf.constant(-1, tf.int64), tf.zeros([num_checked], tf.bool)
    for index in tf.range(num_steps):
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      taken = [next(batches) for _ in range(self._config.batches_per_step)]  # type: ignore[call-overload]
      with tf.control_dependencies(tf.nest.flatten(taken, expand_composites=True)):
        got_s = self._clock_s()
      # A batch that came before the last step was through made nobody wait.
      waited_s += tf.maximum(got_s - finished_s, 0.0)
      with tf.control_dependencies([got_s]):  # no work of this step counts as waiting
        taken = tf.nest.map_structure(tf.identity, taken, expand_composites=True)
      metrics, health = self._step(taken)
      is_first = (first_bad < 0) & ~tf.reduce_all(tf.math.is_finite(health))
      first_bad = tf.where(is_first, index, first_bad)
      bad = tf.where(is_first, ~tf.math.is_finite(health), bad)
      totals = {name: totals[name] + metrics[name] for name in self._names}
      with tf.control_dependencies(self._results()):
        finished_s = self._clock_s()
    # The next step would tell of a weight that an update broke, but a checkpoint may come first.
    broken = tf.stack([~tf.reduce_all(tf.math.is_finite(each)) for each in self._results()])
    bad = tf.concat([bad, broken & (first_bad < 0)], axis=0)
    first_bad = tf.where(tf.reduce_any(broken) & (first_bad < 0), num_steps - 1, first_bad)
    steps = tf.cast(num_steps, tf.float32)
    means = {name: total / steps for name, total in totals.items()}
    return Outcome(means, waited_s, first_bad, bad)

  def _clock_s(self) -> tf.Tensor:
    # TensorFlow refuses to read the time where everything must be reproducible.
    return tf.constant(0.0, tf.float64) if self._config.deterministic else tf.timestamp()

  @property
  def _written(self) -> list[tf.Variable]:
    """What a step writes last. The average holds whatever the generator's weights have come to."""
    return self._state.average.weights + self._state.pair.discriminator.trainable_variables

  def _results(self) -> list[tf.Tensor]:
    """`_written`, read after it is written."""
    return [tf.convert_to_tensor(variable) for variable in self._written]

  @tf.autograph.experimental.do_not_convert
  def _step(self, batches: list[Batch]) -> tuple[Metrics, tf.Tensor]:
    """The updates of one step, each on its own batches, and what follows them.

    Returns:
      Metrics of the last update, and its values of `health_names`.
    """
    state, config = self._state, self._config
    learners = [DISCRIMINATOR] * (config.discriminator_updates - 1)
    learners += [GENERATOR] * (config.generator_updates - 1)
    size = config.accumulate_batches
    for index, who in enumerate(learners):
      update = functools.partial(self._update, batches[index * size :][:size], who, index * size)
      self._after_warm_up(update) if who == GENERATOR else update()
    metrics = self._last_update(batches[-size:])
    health = tf.concat(
      [tf.stack([metrics[name] for name in self._names]), metrics.pop(_GRADIENTS)], axis=0
    )
    state.step.assign_add(1)
    images_seen = tf.cast(state.step * config.images_per_step, tf.float32)
    decay = ema_decay(images_seen, config.images_per_step, config.ema_halflife_images)
    update_average(state.average.weights, state.pair.generator.weights, decay)
    if config.augment == 'ada':
      self._adapt(metrics['real_sign'])
    return metrics, health

  def _after_warm_up(self, update: Callable[[], Metrics]) -> None:
    """Calls `update`, but not while the discriminator warms up."""
    warm_up = self._config.discriminator_warmup_steps
    if warm_up:
      tf.cond(self._state.step < warm_up, lambda: 0.0, lambda: update()['generator_loss'])
    else:
      update()

  def _last_update(self, batches: list[Batch]) -> Metrics:
    """The update of both networks, or of the discriminator alone while it warms up."""
    first = self._config.batches_per_step - self._config.accumulate_batches
    warm_up = self._config.discriminator_warmup_steps
    if not warm_up:
      return self._update(batches, BOTH, first)
    return tf.cond(
      self._state.step < warm_up,
      lambda: self._update(batches, DISCRIMINATOR, first),
      lambda: self._update(batches, BOTH, first),
    )

  def _update(self, batches: list[Batch], learners: tuple[bool, bool], first: int) -> Metrics:
    """One update of the learners from the mean gradients of some batches."""
    state, config = self._state, self._config
    if learners[1]:
      for layer in spectral.layers(state.pair.discriminator):
        layer.iterate()
    number = state.step * config.batches_per_step + first
    strength = tf.convert_to_tensor(state.augment_probability)
    update = functools.partial(self._replica_update, learners)
    metrics = self._strategy.run(update, (batches, number, strength))
    if config.clip_weights and learners[1]:
      for variable in state.pair.discriminator.trainable_variables:
        value = tf.convert_to_tensor(variable)
        variable.assign(tf.clip_by_value(value, -config.clip_weights, config.clip_weights))
    return {
      name: self._strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
      for name, value in metrics.items()
    }

  def _replica_update(
    self,
    learners: tuple[bool, bool],
    batches: list[Batch],
    number: tf.Tensor,
    strength: tf.Tensor,
  ) -> Metrics:
    context = tf.distribute.get_replica_context()
    replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
    found = [
      self._gradients[learners](pixels, labels, number + index, replica, strength)
      for index, (pixels, labels) in enumerate(batches)
    ]
    generator_gradients, discriminator_gradients, metrics = tf.nest.map_structure(
      lambda *values: tf.add_n(values) / len(values) if len(values) > 1 else values[0], *found
    )
    metrics[_GRADIENTS] = tf.concat(
      [
        self._sizes('generator', generator_gradients),
        self._sizes('discriminator', discriminator_gradients),
      ],
      axis=0,
    )
    self._apply('generator', generator_gradients)
    self._apply('discriminator', discriminator_gradients)
    return metrics

  def _sizes(self, name: str, gradients: list[tf.Tensor]) -> tf.Tensor:
    """Half the squared norm of each gradient: [V] float32; zero where the network does not learn.

    Where losses are scaled, gradients that overflow are the optimiser's to skip, and to scale
    less; they count once it can't.
    """
    if not gradients:
      return tf.zeros([len(getattr(self._state.pair, name).trainable_variables)])
    sizes = tf.stack([tf.nn.l2_loss(gradient) for gradient in gradients])
    optimizer = getattr(self._state, f'{name}_optimizer')
    if hasattr(optimizer, 'get_unscaled_gradients'):
      return tf.where(optimizer.loss_scale > 1, tf.zeros_like(sizes), sizes)
    return sizes

  def _apply(self, name: str, gradients: list[tf.Tensor]) -> None:
    if not gradients:  # it does not learn now
      return
    optimizer = getattr(self._state, f'{name}_optimizer')
    variables = getattr(self._state.pair, name).trainable_variables
    if hasattr(optimizer, 'get_unscaled_gradients'):
      gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))

  def _adapt(self, real_sign: tf.Tensor) -> None:
    """Follows the overfitting, once there is a generator that learns to be told from."""
    config, probability = self._config, self._state.augment_probability
    adapted = augmentation.adapted(
      tf.convert_to_tensor(probability),
      real_sign,
      config.ada_target,
      config.images_per_step,
      config.ada_ramp_images,
    )
    is_warm = self._state.step > config.discriminator_warmup_steps
    probability.assign(tf.where(is_warm, adapted, probability))
