"""Makes the packaged MNIST network and the statistics of the MNIST test set under it.

  python -m pipeline.run --flagfile=configs/prod.flags --run_dir=runs/mnist --stages=ingest
  python -m pipeline.evaluate.train_feature_net --data_dir=runs/mnist/ingest

About six minutes on 2 cores. Expect an accuracy of 0.995 or more; another run on another machine
gives another digest.
"""

import argparse
import pathlib
import sys

import numpy as np

from pipeline import dataset
from pipeline.evaluate import feature_net, feature_training, reference

_NUM_STEPS = 4700  # of 128 images: ten times through the training split
_MIN_ACCURACY = 0.995


def main(arguments: list[str] | None = None) -> None:
  """Trains, measures and writes both files."""
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument(
    '--data_dir',
    type=pathlib.Path,
    required=True,
    help='ingest artifact of MNIST with a test split',
  )
  parser.add_argument('--output_dir', type=pathlib.Path, default=feature_net.MNIST_WEIGHTS.parent)
  parser.add_argument('--num_steps', type=int, default=_NUM_STEPS)
  parser.add_argument('--seed', type=int, default=0)
  flags = parser.parse_args(arguments)
  make(
    dataset.load_split(flags.data_dir, 'train'),
    dataset.load_split(flags.data_dir, 'test'),
    flags.output_dir,
    flags.num_steps,
    flags.seed,
  )


def make(
  train: tuple[np.ndarray, np.ndarray],
  test: tuple[np.ndarray, np.ndarray],
  output_dir: pathlib.Path,
  num_steps: int,
  seed: int,
) -> None:
  """Writes mnist.npz and mnist_test.npz.

  Args:
    train: images uint8 [N, 28, 28, 1] and labels int64 [N].
    test: the same of the test split.
    output_dir: folder to write to.
    num_steps: updates of 128 images.
    seed: of weights, order and augmentation.
  """
  model = feature_training.train_feature_model(*train, 10, seed, num_steps, _print_step)
  net = feature_net.from_model(model, 'mnist', True, *test)
  print(f'{net.tag} accuracy={net.accuracy:.4f}')
  if net.accuracy < _MIN_ACCURACY:
    sys.exit(f'accuracy {net.accuracy:.4f} is below {_MIN_ACCURACY}; nothing was written')
  write(net, test[0], output_dir, seed)


def write(
  net: feature_net.FeatureNet, test_images: np.ndarray, output_dir: pathlib.Path, seed: int
) -> None:
  """Writes a network and the statistics of test images uint8 [N, 28, 28, 1] under it."""
  net.save(output_dir / feature_net.MNIST_WEIGHTS.name)
  shuffled = test_images[np.random.default_rng(seed).permutation(len(test_images))]
  statistics = reference.Reference.of('mnist_test', net, net.features(shuffled))
  statistics.save(output_dir / reference.MNIST_TEST.name)


def _print_step(step: int) -> None:
  if step % 100 == 0:
    print(f'step={step}', flush=True)


if __name__ == '__main__':
  main()
