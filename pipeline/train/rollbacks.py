"""When training can't go on from where it is: why, and how it goes on from an earlier step."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from pipeline import artifacts, errors

_FACTOR = 0.5  # on the learning rates, for each rollback
_NUM_NAMED = 3


class SetbackError(Exception):
  """Training has to go back."""

  def __init__(self, reason: str, step: int, evidence: Mapping[str, Any]) -> None:
    super().__init__(f'{reason} at step {step}')
    self.evidence = {'step': step, **evidence}


class NotFiniteError(SetbackError):
  """A step whose loss, gradient or weight is not finite."""

  def __init__(self, step: int, names: list[str]) -> None:
    named = ', '.join(names[:_NUM_NAMED])
    more = f' and {len(names) - _NUM_NAMED} more' if len(names) > _NUM_NAMED else ''
    super().__init__(f'{named}{more} is not finite', step, {'not_finite': names})


class Rollbacks:
  """Those of a run, kept in rollbacks.jsonl as the evidence."""

  def __init__(self, folder: pathlib.Path, maximum: int) -> None:
    """Finds those of earlier processes.

    Raises:
      TrainingError: they had given up.
    """
    self._path, self._maximum = folder / 'rollbacks.jsonl', maximum
    if self.number > maximum:
      raise self._given_up(f'training failed at step {json.loads(self._lines[-1])["step"]}')

  @property
  def number(self) -> int:
    """Rollbacks so far."""
    return len(self._lines)

  @property
  def _lines(self) -> list[str]:
    """Those of the file; one that is torn does not count."""
    if not self._path.is_file():
      return []
    lines = self._path.read_text(encoding='utf-8').splitlines(keepends=True)
    return [line for line in lines if line.endswith('\n')]

  @property
  def rate_factor(self) -> float:
    """What the learning rates are multiplied by."""
    return _FACTOR**self.number

  def add(self, failure: SetbackError) -> None:
    """Records a failure.

    Raises:
      TrainingError: there were as many rollbacks as are allowed.
    """
    evidence = {**failure.evidence, 'rate_factor': self.rate_factor}
    artifacts.write_text(self._path, ''.join([*self._lines, json.dumps(evidence) + '\n']))
    if self.number > self._maximum:
      raise self._given_up(str(failure)) from failure

  def _given_up(self, failure: str) -> errors.TrainingError:
    return errors.TrainingError(
      f'{failure} (train), after {self._maximum} rollbacks; {self._path} has the evidence. Lower'
      ' --generator_learning_rate and --discriminator_learning_rate, or raise --r1_gamma, with'
      ' --on_config_change=rerun.'
    )
