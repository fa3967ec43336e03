"""Settings that make no sense together, each with the reason and the way out."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from pipeline import errors
from pipeline.config import idle

if TYPE_CHECKING:
  from pipeline.config.export import ExportSavedModelConfig, ExportTfliteConfig
  from pipeline.config.train import TrainConfig

_OPERATIONS = ('color', 'translation', 'cutout')
_WITH_TARGET = ('non_saturating', 'minimax', 'least_squares')
_CENTRED = ('non_saturating', 'minimax', 'hinge')  # a logit's sign says real or generated
_WITH_BATCH_NORM = ('dcgan64',)  # in the discriminator
_NORMALISING_VECTORS = ('digits', 'dcgan', 'dcgan_bn')  # over the batch, in the generator
_OF_ANY_WIDTH = ('digits', 'residual')
_MAX_RECORDS_OF_FOUR = 250  # a signature
_COMPRESSIBLE = ('ptq', 'dynamic')
_FLOAT_PROMISE = 'would break the promise that the file makes the pictures of golden'
_COMPRESSION_CONFLICTS = {
  'qat': 'fine-tunes twice, and the second undoes the zeros or clusters of the first',
  'float16': _FLOAT_PROMISE,
  'none': _FLOAT_PROMISE,
}


def check_train(config: 'TrainConfig') -> None:
  """Refuses what would train badly or not do what it says.

  Raises:
    ConfigError: the first reason found.
  """
  _refuse(chain(_reasons(config), idle.reasons(config)), 'TrainConfig')


def check_replicas(config: 'TrainConfig', replicas: int) -> None:
  """Refuses a batch that so many replicas can not share, or from which one gets a lone image.

  Raises:
    ConfigError: the first reason found.
  """
  _refuse(_of_replicas(config, replicas), 'TrainConfig')


def check_export_saved_model(config: 'ExportSavedModelConfig') -> None:
  """Refuses more warm-up records than TF Serving reads, where there is a fourth signature.

  Raises:
    ConfigError: there are.
  """
  if config.anomaly_steps and config.num_warmup_records > _MAX_RECORDS_OF_FOUR:
    raise errors.ConfigError(
      f'--num_warmup_records={config.num_warmup_records} with --anomaly_steps='
      f'{config.anomaly_steps} (ExportSavedModelConfig) makes more than the 1,000 records that TF'
      f' Serving reads. Choose {_MAX_RECORDS_OF_FOUR} or less.'
    )


def check_export(config: 'ExportTfliteConfig') -> None:
  """Refuses a compression that does not suit the quantisation, and settings of one that is off.

  Raises:
    ConfigError: the first reason found.
  """
  if config.compression != 'none' and config.quantization not in _COMPRESSIBLE:
    raise errors.ConfigError(
      f'--compression={config.compression} with --quantization={config.quantization}'
      f' (ExportTfliteConfig) {_COMPRESSION_CONFLICTS[config.quantization]}.'
      f' Choose --quantization={" or ".join(_COMPRESSIBLE)}.'
    )
  _refuse(idle.reasons(config), 'ExportTfliteConfig')


def _refuse(reasons: Iterator[str], where: str) -> None:
  for reason in reasons:
    raise errors.ConfigError(f'{reason} ({where})')


def _of_replicas(c: 'TrainConfig', replicas: int) -> Iterator[str]:
  among = f' among {replicas} replicas' if replicas > 1 else ''
  is_alone = c.batch_size <= replicas  # an image, on its device
  if c.minibatch != 'none' and is_alone:
    yield (
      f'--minibatch={c.minibatch} has no other image to compare with in --batch_size='
      f'{c.batch_size}{among}. Choose a larger batch, or --minibatch=none.'
    )
  if c.network in _NORMALISING_VECTORS and is_alone:
    yield (
      f'--network={c.network} normalises over the batch, which makes the image of every latent the'
      f' same in --batch_size={c.batch_size}{among}. Choose a larger batch.'
    )
  if c.batch_size % replicas:
    yield (f'--batch_size={c.batch_size} does not divide{among}. Choose a multiple of {replicas}.')


def _reasons(c: 'TrainConfig') -> Iterator[str]:
  constrained = c.penalises_gradients or c.clip_weights or c.spectral_norm
  if c.loss == 'wasserstein' and not constrained:
    yield (
      '--loss=wasserstein measures a distance only if the slope of the discriminator is bounded.'
      ' Add --wgan_gp_weight=10, --clip_weights=0.01 or --spectral_norm.'
    )
  if c.clip_weights and c.penalises_gradients:
    yield (
      '--clip_weights and a gradient penalty both bound the slope of the discriminator and pull'
      ' against each other. Keep one: --clip_weights=0, or --r1_gamma=0 and the like.'
    )
  if c.clip_weights and c.spectral_norm:
    yield (
      '--clip_weights does nothing to a kernel that --spectral_norm divides by its size. Keep one.'
    )
  if c.clip_value and c.clip_norm:
    yield '--clip_value and --clip_norm both bound the gradients, each in its way. Keep one.'
  if c.wgan_gp_weight and c.dragan_weight:
    yield (
      '--wgan_gp_weight and --dragan_weight ask for the same slope at different points. Keep one.'
    )
  if (c.r1_gamma or c.r2_gamma) and (c.wgan_gp_weight or c.dragan_weight):
    yield (
      '--r1_gamma and --r2_gamma pull the slope of the discriminator to 0, --wgan_gp_weight and'
      ' --dragan_weight to 1. Keep one kind: --r1_gamma=0, or no weight of the other.'
    )
  if c.network in _WITH_BATCH_NORM and c.penalises_gradients:
    yield (
      f'--network={c.network} normalises batches in the discriminator, so that no image has a'
      ' gradient of its own to penalise. Use --r1_gamma=0, or another network.'
    )
  yield from _of_replicas(c, max(c.num_devices, 1))  # there may be more
  for network in ('generator', 'discriminator'):
    if not getattr(c, f'{network}_learning_rate'):
      yield f'--{network}_learning_rate=0 teaches the {network} nothing. Choose a rate above 0.'
  if -1 < c.dropout < 0:
    yield f"--dropout={c.dropout} is no rate. Choose 0 or more, or -1, the network's own."
  if c.label_smoothing and c.loss not in _WITH_TARGET:
    yield (
      f'--label_smoothing has no target to smooth in --loss={c.loss}. Use'
      f' --label_smoothing=0, or one of: {", ".join(_WITH_TARGET)}.'
    )
  if c.mismatch_weight and (c.conditioning == 'auxiliary' or not c.may_use_labels):
    yield (
      f'--mismatch_weight needs a discriminator that sees the label; that of --network={c.network}'
      f' with --conditioning={c.conditioning} does not. Use --mismatch_weight=0, or'
      ' --conditioning=projection.'
    )
  if c.conditioning == 'auxiliary' and not c.auxiliary_weight:
    yield (
      '--auxiliary_weight=0 teaches nobody the labels, which --conditioning=auxiliary asks for. Use'
      ' --conditioning=none, or a weight.'
    )
  if c.augment == 'ada' and c.loss not in _CENTRED:
    yield (
      f'--augment=ada follows the sign of the logits, which means nothing in --loss={c.loss}. Use'
      f' --augment=diffaugment, or one of: {", ".join(_CENTRED)}.'
    )
  if c.discriminator_warmup_steps >= c.train_steps:
    yield (
      f'--discriminator_warmup_steps={c.discriminator_warmup_steps} leaves no step of'
      f' --train_steps={c.train_steps} to the generator. Choose fewer.'
    )
  if c.profile_steps and int(c.profile_steps.split(':')[1]) > c.train_steps:
    yield (
      f'--profile_steps={c.profile_steps} ends after --train_steps={c.train_steps}. Choose earlier'
      ' steps.'
    )
  if c.upsampling != 'depth_to_space' and c.network != 'residual':
    yield (
      f'--upsampling={c.upsampling} is a choice of --network=residual; {c.network} has its own way.'
    )
  if c.generator_width != 1 and c.network not in _OF_ANY_WIDTH:
    yield (
      f'--generator_width={c.generator_width:g}: the layers of --network={c.network} are those of'
      f' its recipe. Leave it out, or use --network={" or ".join(_OF_ANY_WIDTH)}.'
    )
  unknown = [name for name in c.augment_operations.split(',') if name not in _OPERATIONS]
  if unknown:
    yield (
      f'--augment_operations names {unknown[0]!r}, which is not known. Choose among:'
      f' {", ".join(_OPERATIONS)}.'
    )
