"""Settings that say how another one works, and do nothing where that one is off.

adam_beta1 and adam_beta2 are not among them: a recipe on RMSProp has them from the recipe it
follows. Nor is the fine-tuning of INT8, which costs nothing to leave in.
"""

import dataclasses
from collections.abc import Callable, Iterator
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
_NEEDS = {
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
  'sparsity': _Needs('--compression=prune', lambda c: c.compression == 'prune'),
  'num_clusters': _Needs('--compression=cluster', lambda c: c.compression == 'cluster'),
}


def reasons(config: 'TrainConfig | ExportTfliteConfig') -> Iterator[str]:
  """Why each idle setting should go, and how."""
  for field in dataclasses.fields(config):
    value, needs = getattr(config, field.name), _NEEDS.get(field.name)
    if needs and value != field.default and not needs.is_on(config):
      yield (
        f'--{field.name}={value} does nothing without {needs.what}. Set both, or'
        f' --{field.name}={field.default}.'
      )
