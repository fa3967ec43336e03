"""The project's trainer as a function that takes steps, to time it."""

import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec, Pair
from pipeline.train import devices, stream
from pipeline.train.loop import TrainLoop
from pipeline.train.state import TrainState

Run = Callable[[int], None]  # takes that many steps, and returns when they are done


def make(
  spec: ModelSpec,
  config: TrainConfig,
  policy: str,
  images: np.ndarray,
  labels: np.ndarray,
  xla: bool = False,
) -> tuple[Run, Pair]:
  """A trainer at its first step, and its networks.

  Args:
    spec: of the networks.
    config: of the training.
    policy: dtype policy.
    images: uint8 [N, H, W, C].
    labels: int [N].
    xla: whether XLA compiles the gradients.
  """
  strategy = devices.strategy(config)
  state = TrainState.create(spec, config, policy)
  loop = TrainLoop(state, config, strategy, xla)
  batches = iter(stream.training_batches(images, labels, config.batch_size, 0, first_step=0))

  def run(num_steps: int) -> None:
    outcome = loop.run(batches, tf.constant(num_steps, tf.int64))
    outcome.means['generator_loss'].numpy()

  return run, state.pair


def step_seconds(run: Run, steps: int, rounds: int = 3) -> float:
  """Seconds of one step, the median of some rounds after one that compiles."""
  run(steps)
  return statistics.median(seconds(run, steps) for _ in range(rounds))


def seconds(run: Run, number: int) -> float:
  """Seconds of one of `number` repetitions."""
  start_s = time.perf_counter()
  run(number)
  return (time.perf_counter() - start_s) / number


def on_noise(spec: ModelSpec, config: TrainConfig, policy: str, xla: bool) -> Run:
  """A trainer at its first step, on images of noise; both networks learn."""
  config = dataclasses.replace(config, discriminator_warmup_steps=0)  # whose steps are shorter
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, [4 * config.batch_size, *spec.image_shape], np.uint8)
  labels = rng.integers(0, max(spec.num_classes, 1), len(images))
  return make(spec, config, policy, images, labels, xla)[0]
