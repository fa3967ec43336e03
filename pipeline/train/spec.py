"""The shapes of the networks, from the settings and the data."""

from pipeline import errors, networks
from pipeline.config.train import TrainConfig
from pipeline.dataset import DatasetInfo
from pipeline.networks import ModelSpec


def model_spec(config: TrainConfig, info: DatasetInfo) -> ModelSpec:
  """The networks' shapes, from the data.

  Raises:
    ConfigError: a setting needs labels, or colours, where there are none.
  """
  asked = config.conditioning
  conditioning = networks.own_conditioning(config.network) if asked == 'auto' else asked
  is_conditional = conditioning != 'none' and info.num_classes > 1
  for flag, needs in {
    f'--mismatch_weight={config.mismatch_weight:g}': bool(config.mismatch_weight),
    f'--conditioning={asked}': asked not in ('auto', 'none'),
  }.items():
    if needs and not is_conditional:
      raise errors.ConfigError(
        f'{flag} (TrainConfig) needs labels, which --network={config.network} on {info.name} does'
        ' not use. Leave it out, or choose labelled data and another --conditioning.'
      )
  _check_augmentation(config, info)
  return ModelSpec(
    network=config.network,
    latent_size=config.latent_size,
    num_classes=info.num_classes if is_conditional else 0,
    class_names=tuple(info.class_names) if is_conditional else (),
    image_shape=info.image_shape,
    conditioning=conditioning if is_conditional else 'none',
    dropout=None if config.dropout < 0 else config.dropout,
    spectral_norm=config.spectral_norm,
    minibatch=config.minibatch,
    upsampling=config.upsampling,
    generator_width=config.generator_width,
  )


def _check_augmentation(config: TrainConfig, info: DatasetInfo) -> None:
  operations, num_channels = set(config.augment_operations.split(',')), info.image_shape[-1]
  if config.augment != 'none' and operations == {'color'} and num_channels == 1:
    raise errors.ConfigError(
      f'--augment_operations={config.augment_operations} (TrainConfig) leaves the grey images of'
      f' {info.name} as they are. Add translation or cutout, or use --augment=none.'
    )
