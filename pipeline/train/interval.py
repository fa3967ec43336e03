"""What the trainer measures between two records."""

import json

import tensorflow as tf


class Interval(tf.train.experimental.PythonState):
  """Sums over the calls of the training loop since the last record.

  They are part of a checkpoint, so that a record tells of the same steps in a resumed run.
  """

  def __init__(self) -> None:
    self.step_s: float | None = None  # seconds of a step, as far as the last call here tells
    self.clear()

  def clear(self) -> None:
    """Forgets the sums, not how long a step takes."""
    self.num_steps, self.seconds, self.waited_s = 0, 0.0, 0.0  # the last: for input
    self._totals: dict[str, float] = {}  # means times steps

  def add(self, num_steps: int, means: dict[str, float], seconds: float, waited_s: float) -> None:
    """Counts a call of `num_steps` steps with these metrics, each the mean over them."""
    self.num_steps += num_steps
    self.seconds += seconds
    self.waited_s += waited_s
    for name, mean in means.items():
      self._totals[name] = self._totals.get(name, 0.0) + mean * num_steps
    self.step_s = seconds / num_steps

  @property
  def means(self) -> dict[str, float]:
    """Metrics, each the mean over the steps."""
    return {name: total / self.num_steps for name, total in self._totals.items()}

  def steps_in(self, seconds: float) -> int:
    """Steps that take about so long; 1 at least, and before the first call."""
    return max(1, int(seconds / self.step_s)) if self.step_s else 1

  def serialize(self) -> str:
    """The sums, for a checkpoint."""
    return json.dumps([self.num_steps, self.seconds, self.waited_s, self._totals])

  def deserialize(self, string_value: bytes) -> None:
    """Takes the sums of a checkpoint."""
    self.num_steps, self.seconds, self.waited_s, self._totals = json.loads(string_value)
