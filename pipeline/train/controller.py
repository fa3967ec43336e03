"""The course of training: when to record, to keep a candidate, to save and to stop."""

import contextlib
import dataclasses
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline import errors, signals
from pipeline.config.train import TrainConfig
from pipeline.console import Console, Progress
from pipeline.generator import save_snapshot
from pipeline.networks import ModelSpec
from pipeline.train import numerics
from pipeline.train.agreement import Agreement
from pipeline.train.collapse import CollapsedError, CollapseGuard
from pipeline.train.interval import Interval
from pipeline.train.loop import TrainLoop
from pipeline.train.profile import Profile
from pipeline.train.records import Records
from pipeline.train.rollbacks import NotFiniteError, Rollbacks, SetbackError
from pipeline.train.samples import SampleGrid
from pipeline.train.state import Checkpoints, TrainState

_LONGEST_CALL_S = 2.0  # of the compiled loop: a signal is heeded and the bar moves in between


@dataclasses.dataclass
class Controller:
  """Decides when to record, to keep a candidate, to save and to stop."""

  config: TrainConfig
  spec: ModelSpec
  state: TrainState
  checkpoints: Checkpoints
  loop: TrainLoop
  guard: CollapseGuard
  agreement: Agreement
  output: pathlib.Path
  console: Console
  beside: np.ndarray | None  # real images to draw beside generated ones: uint8 [N, H, W, C]

  def run(self, batches: Callable[[int], Iterator[Any]]) -> None:
    """Trains to the last step.

    Args:
      batches: makes an iterator over the batches from a step on.

    Raises:
      TrainingError: it had to go back too often.
    """
    rollbacks, went_back_to = Rollbacks(self.output, self.config.max_rollbacks), None
    with signals.stop_requested() as stop:
      while True:
        self.state.rate_factor.assign(rollbacks.rate_factor)
        try:
          self._run(batches(self.state.steps_done), stop)
          return
        except SetbackError as failure:
          went_back_to = self._go_back(failure, went_back_to)
          rollbacks.add(failure)  # last: a process killed before it comes to the same failure
          self.console.warn(
            f'{failure}; back to step {self.state.steps_done}, with learning rates times'
            f' {rollbacks.rate_factor:g}'
          )

  def _go_back(self, failure: SetbackError, last: int | None) -> int:
    """Loads a checkpoint; returns its step, which another failure is given as the last one."""
    if isinstance(failure, CollapsedError):
      self.checkpoints.restore_healthy()
      return self.state.steps_done
    self.checkpoints.restore()
    if self.state.steps_done == last:  # it failed from there already
      self.checkpoints.restore_older()
    return self.state.steps_done

  def _run(self, batches: Iterator[Any], stop: threading.Event) -> None:
    """Trains to the last step, or until it has to go back."""
    config, first_step = self.config, self.state.steps_done
    grid = SampleGrid(self.spec, self.state.average, config.sample_grid, self.beside)
    saved_s, agreement = time.monotonic(), self.agreement
    interval, step = self.state.interval, first_step
    with (
      contextlib.closing(Records(self.output, first_step)) as records,
      contextlib.closing(Profile(config.profile_steps, self.output / 'tensorboard')) as profile,
      self.console.progress('train', config.train_steps, 'steps', first_step) as progress,
    ):
      while step < config.train_steps:
        self._check_stop(agreement.any(stop.is_set()))
        compiles = not interval.step_s or step == config.discriminator_warmup_steps
        if compiles and step > first_step:
          self.checkpoints.save()
        profile.reached(step)
        # Calls as long as the clock says would add up the metrics in another order each time.
        due_s = saved_s + config.checkpoint_every_s - time.monotonic()
        longest = 1 if config.deterministic else interval.steps_in(min(_LONGEST_CALL_S, due_s))
        longest = agreement.chiefs(longest)
        step = min(self._next_stop(step, longest), profile.next_edge(step) or config.train_steps)
        with self._interruptible() if compiles else contextlib.nullcontext():
          self._advance(step, batches, interval, progress)
        is_candidate = self._is_due(step, config.snapshot_every_steps)
        if is_candidate or self._is_due(step, config.log_every_steps):
          checked = self.guard.check(step) if is_candidate else {}
          records.figures(step, self._record(interval) | checked)
          interval.clear()
        if is_candidate:
          self._keep_candidate(step)
        if is_candidate or step % (config.sample_every_steps or step + 1) == 0:
          self._draw(step, grid, records)
        if is_candidate:
          self.guard.act(step)
        if agreement.chiefs(time.monotonic() - saved_s >= config.checkpoint_every_s):
          self.checkpoints.save()
          saved_s = time.monotonic()
      self._check_stop(agreement.any(stop.is_set()))
    self.checkpoints.save()

  @contextlib.contextmanager
  def _interruptible(self) -> Iterator[None]:
    """For a call that may compile for long, from a saved state: a signal ends it at once."""
    step = self.state.steps_done
    if self.agreement.is_needed:
      yield  # the others would wait for ever
      return
    try:
      with signals.handled_by_raising():
        yield
    except errors.Interrupted as error:
      raise errors.Interrupted(
        f'stopped while compiling, at step {step}. The same command goes on from there.'
      ) from error

  def _next_stop(self, step: int, longest: int) -> int:
    """The step at which the compiled loop returns to Python: something is due, or it took long."""
    config = self.config
    every = (
      config.steps_per_loop,
      config.log_every_steps,
      config.snapshot_every_steps,
      config.sample_every_steps,
    )
    due = [step - step % each + each for each in every if each]
    if step < config.discriminator_warmup_steps:
      due.append(config.discriminator_warmup_steps)  # XLA compiles the generator's step then
    return min(*due, step + longest, config.train_steps)

  def _is_due(self, step: int, every: int) -> bool:
    return step % every == 0 or step == self.config.train_steps

  def _advance(self, step: int, batches: Any, interval: Interval, progress: Progress) -> None:
    """Trains up to `step` and checks what came of it."""
    state, first_step = self.state, self.state.steps_done
    start_s = time.perf_counter()
    with numerics.named() if self.config.debug_numerics else contextlib.nullcontext():
      outcome = self.loop.run(batches, tf.constant(step - first_step, tf.int64))
    metrics = {name: float(value) for name, value in outcome.means.items()}
    seconds, waited_s = time.perf_counter() - start_s, float(outcome.waited_s)
    state.seconds.assign_add(seconds)
    state.waited_seconds.assign_add(waited_s)
    if outcome.first_bad >= 0:
      names = np.array(self.loop.health_names)[outcome.bad.numpy()]
      raise NotFiniteError(first_step + int(outcome.first_bad) + 1, names.tolist())
    interval.add(step - first_step, metrics, seconds, waited_s)
    progress.update(step, G=metrics['generator_loss'], D=metrics['discriminator_loss'])

  def _record(self, interval: Interval) -> dict[str, float | str | None]:
    rates = {
      f'{name}_learning_rate': self.state.learning_rate(name)
      for name in ('generator', 'discriminator')
    }
    if self.config.augment == 'ada':
      probability = tf.convert_to_tensor(self.state.augment_probability)
      rates['augment_probability'] = float(probability)
    return {
      'images_seen': self.state.steps_done * self.config.images_per_step,
      'time_s': round(self.state.seconds_done, 3),
      'steps_per_s': round(interval.num_steps / interval.seconds, 3),
      'input_wait_share': wait_share(self.config, interval.waited_s, interval.seconds),
      **self._means(interval),
      **rates,
    }

  def _means(self, interval: Interval) -> dict[str, float]:
    """Metrics of the interval; of what comes in some steps only, the mean over those."""
    steps = range(self.state.steps_done - interval.num_steps, self.state.steps_done)
    due = sum(step % self.config.penalty_every_steps == 0 for step in steps)
    warm = sum(step >= self.config.discriminator_warmup_steps for step in steps)
    came = dict.fromkeys(self.loop.lazy_names, due) | {'similarity_loss': warm}
    return {
      name: mean * len(steps) / came[name] if name in came else mean
      for name, mean in interval.means.items()
      if came.get(name, len(steps))
    }

  def _keep_candidate(self, step: int) -> None:
    """Keeps the averaged generator as a candidate."""
    (self.output / 'snapshots').mkdir(exist_ok=True)
    save_snapshot(
      self.output / 'snapshots' / f'step-{step:06}.npz',
      self.state.average.get_weights(),
      self.state.pair.discriminator.get_weights(),
    )

  def _draw(self, step: int, grid: SampleGrid, records: Records) -> None:
    """Keeps a picture of what the averaged generator makes."""
    (self.output / 'samples').mkdir(exist_ok=True)
    picture = grid.draw()
    picture.save(self.output / 'samples' / f'step-{step:06}.png')
    records.picture(step, picture)

  def _check_stop(self, stop: bool) -> None:
    if stop:
      self.checkpoints.save()
      raise errors.Interrupted(
        f'stopped at step {self.state.steps_done} of {self.config.train_steps}; the state is saved'
        ' and the same command goes on from there.'
      )


def wait_share(config: TrainConfig, waited_s: float, seconds: float) -> float | None:
  """Part of the training time spent waiting for input; None where no clock may be read."""
  return None if config.deterministic or not seconds else round(waited_s / seconds, 5)
