"""The collapse of a generator: all images come to look the same, or to be of one class."""

from collections.abc import Mapping

from pipeline import errors
from pipeline.config.train import TrainConfig
from pipeline.console import Console
from pipeline.train.agreement import Agreement
from pipeline.train.best_ratios import BestRatios
from pipeline.train.diversity import Diversity
from pipeline.train.rollbacks import SetbackError
from pipeline.train.state import Checkpoints

_MEND = (
  'Try --minibatch=stddev, --diversity_weight=1, --augment=diffaugment or a lower'
  ' --generator_learning_rate'
)


class CollapsedError(SetbackError):
  """A check that found the generator collapsed."""

  def __init__(self, step: int, fallen: Mapping[str, float]) -> None:
    figures = ', '.join(f'{name}={value:.3g}' for name, value in fallen.items())
    super().__init__(f'the generator has collapsed ({figures})', step, {'collapsed': dict(fallen)})


class CollapseGuard:
  """Measures the generator at the checks, warns when it has collapsed, and acts as asked."""

  def __init__(
    self,
    config: TrainConfig,
    diversity: Diversity,
    best: BestRatios,
    checkpoints: Checkpoints,
    agreement: Agreement,
    console: Console,
  ) -> None:
    self._config, self._diversity, self._best = config, diversity, best
    self._checkpoints, self._agreement, self._console = checkpoints, agreement, console
    self._fallen: dict[str, float] = {}

  def check(self, step: int) -> dict[str, float | str]:
    """Measures, and warns at once.

    Returns:
      The ratios, and the warning if there is one.
    """
    ratios = self._diversity.ratios()
    self._fallen = self._best.fallen(self._config, step, ratios)
    if not self._fallen:
      return {**ratios}
    warning = '; '.join(
      f'{name}={value:.3g} at step {step} is below --min_{name}={self._least(name):g}'
      for name, value in self._fallen.items()
    )
    self._console.warn(f'{warning}: generated images look alike (train). {_MEND}.')
    return {**ratios, 'warning': warning}

  def act(self, step: int) -> None:
    """Does what --on_collapse asks for after the last check; all else of the step is done.

    Raises:
      TrainingError: it has collapsed, and is to stop; the state is saved.
      CollapsedError: it has collapsed, and is to go back.
    """
    action = self._config.on_collapse
    has_collapsed = bool(self._agreement.chiefs(bool(self._fallen)))  # others see other real images
    if action == 'rollback' and has_collapsed:
      raise CollapsedError(step, self._fallen)
    if action == 'rollback':
      self._checkpoints.save_healthy()
    if action == 'stop' and has_collapsed:
      self._checkpoints.save()
      raise errors.TrainingError(
        f'{CollapsedError(step, self._fallen)} (train --on_collapse=stop); the state is saved and'
        f' the same command trains on. {_MEND}, with --on_config_change=rerun.'
      )

  def _least(self, name: str) -> float:
    return float(getattr(self._config, f'min_{name}'))
