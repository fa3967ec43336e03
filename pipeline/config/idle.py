"""Settings that say how another one works, and do nothing where that one is off.

adam_beta1 and adam_beta2 are not among them: a recipe on RMSProp has them from the recipe it
follows. Nor is the fine-tuning of INT8, which costs nothing to leave in.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from pipeline.config.export import ExportTfliteConfig
  from pipeline.config.train import TrainConfig


@dataclasses.dataclass(frozen=True)
class _Needs:
  """What a setting works upon."""

  what: str
  is_on: Callable[[Any], object]


_ADA = _Needs('--augment=ada', lambda c: c.augment == 'ada')
_GUARD = _Needs(
  '--min_spread_ratio or --min_class_entropy_ratio',
  lambda c: c.min_spread_ratio or c.min_class_entropy_ratio,
)
_TRAIN = {
  'penalty_every_steps': _Needs(
    'a gradient penalty, such as --r1_gamma=1', lambda c: c.penalises_gradients
  ),
  'auxiliary_weight': _Needs('--conditioning=auxiliary', lambda c: c.conditioning == 'auxiliary'),
  'instance_noise_steps': _Needs('--instance_noise', lambda c: c.instance_noise),
  'augment_operations': _Needs('--augment', lambda c: c.augment != 'none'),
  'ada_target': _ADA,
  'ada_ramp_images': _ADA,
  'rmsprop_decay': _Needs('--optimizer=rmsprop', lambda c: c.optimizer == 'rmsprop'),
  'clip_networks': _Needs('--clip_norm or --clip_value', lambda c: c.clip_norm or c.clip_value),
  'on_collapse': _GUARD,
  'collapse_grace_steps': _GUARD,
}
_EXPORT = {
  'sparsity': _Needs('--compression=prune', lambda c: c.compression == 'prune'),
  'num_clusters': _Needs('--compression=cluster', lambda c: c.compression == 'cluster'),
}


def in_train(config: 'TrainConfig') -> Iterator[str]:
  """Why each idle setting should go, and how."""
  return _reasons(config, _TRAIN)


def in_export(config: 'ExportTfliteConfig') -> Iterator[str]:
  """Likewise."""
  return _reasons(config, _EXPORT)


def _reasons(config: Any, table: Mapping[str, _Needs]) -> Iterator[str]:
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if value != field.default and field.name in table and not table[field.name].is_on(config):
      yield (
        f'--{field.name}={value} does nothing without {table[field.name].what}. Set both, or'
        f' --{field.name}={field.default}.'
      )
