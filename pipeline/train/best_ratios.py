"""How varied the generator has been, which tells a collapse from a slow start."""

import json
from collections.abc import Mapping

import tensorflow as tf

from pipeline.config.train import TrainConfig


class BestRatios(tf.train.experimental.PythonState):
  """The highest ratios of the checks so far; part of a checkpoint."""

  def __init__(self) -> None:
    self._best: dict[str, float] = {}

  def fallen(self, config: TrainConfig, step: int, ratios: Mapping[str, float]) -> dict[str, float]:
    """Counts a check, and tells which ratios are too low now.

    Every untrained generator makes images that look alike. So a ratio that was never high enough
    counts only after --collapse_grace_steps of its learning; one that was, at once.

    Args:
      config: the thresholds.
      step: of the check.
      ratios: by name, as multiples of what real images have.

    Returns:
      Those that tell of a collapse.
    """
    fallen, grace = {}, config.discriminator_warmup_steps + config.collapse_grace_steps
    for name, value in ratios.items():
      least, best = getattr(config, f'min_{name}'), self._best.get(name, 0.0)
      if value < least and (best >= least or step > grace):
        fallen[name] = value
      self._best[name] = max(value, best)
    return fallen

  def serialize(self) -> str:
    """The ratios, for a checkpoint."""
    return json.dumps(self._best)

  def deserialize(self, string_value: bytes) -> None:
    """Takes the ratios of a checkpoint."""
    self._best = json.loads(string_value)
