"""When a loss or a gradient is not finite: what it was, and how training goes on."""

import json
import pathlib

from pipeline import errors

_FACTOR = 0.5  # on the learning rates, for each rollback
_NUM_NAMED = 3


class NotFiniteError(Exception):
  """A step whose loss or gradient is not finite."""

  def __init__(self, step: int, names: list[str]) -> None:
    named = ', '.join(names[:_NUM_NAMED])
    more = f' and {len(names) - _NUM_NAMED} more' if len(names) > _NUM_NAMED else ''
    super().__init__(f'{named}{more} is not finite at step {step}')
    self.step, self.names = step, names


class Rollbacks:
  """Those of a run, kept in rollbacks.jsonl as the evidence."""

  def __init__(self, folder: pathlib.Path, maximum: int) -> None:
    self._path, self._maximum = folder / 'rollbacks.jsonl', maximum

  @property
  def number(self) -> int:
    """Rollbacks so far."""
    if not self._path.is_file():
      return 0
    return len(self._path.read_text(encoding='utf-8').splitlines())

  @property
  def rate_factor(self) -> float:
    """What the learning rates are multiplied by."""
    return _FACTOR**self.number

  def add(self, failure: NotFiniteError) -> None:
    """Records a failure.

    Raises:
      TrainingError: there were as many rollbacks as are allowed.
    """
    evidence = {'step': failure.step, 'not_finite': failure.names, 'rate_factor': self.rate_factor}
    with self._path.open('a', encoding='utf-8') as file:
      file.write(json.dumps(evidence) + '\n')
    if self.number > self._maximum:
      raise errors.TrainingError(
        f'{failure} (train), after {self._maximum} rollbacks; {self._path} has the evidence. Lower'
        ' --generator_learning_rate and --discriminator_learning_rate, or raise --r1_gamma.'
      ) from failure
