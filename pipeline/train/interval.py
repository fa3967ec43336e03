"""What the trainer measures between two records."""

import dataclasses


@dataclasses.dataclass
class Interval:
  """Sums over the calls of the training loop since the last record."""

  num_steps: int = 0
  seconds: float = 0.0
  waited_s: float = 0.0  # for input
  totals: dict[str, float] = dataclasses.field(default_factory=dict)  # means times steps
  step_s: float | None = None  # seconds of a step, as far as the last call tells

  def add(self, num_steps: int, means: dict[str, float], seconds: float, waited_s: float) -> None:
    """Counts a call of `num_steps` steps with these metrics, each the mean over them."""
    self.num_steps += num_steps
    self.seconds += seconds
    self.waited_s += waited_s
    for name, mean in means.items():
      self.totals[name] = self.totals.get(name, 0.0) + mean * num_steps
    self.step_s = seconds / num_steps

  @property
  def means(self) -> dict[str, float]:
    """Metrics, each the mean over the steps."""
    return {name: total / self.num_steps for name, total in self.totals.items()}

  def steps_in(self, seconds: float) -> int:
    """Steps that take about so long; 1 at least, and before the first call."""
    return max(1, int(seconds / self.step_s)) if self.step_s else 1

  def next(self) -> 'Interval':
    """An empty one that knows how long a step takes."""
    return Interval(step_s=self.step_s)
