"""Settings of several stages that make no sense together, told before the first one runs.

What only the data can tell, such as whether a folder has classes, the stages tell themselves.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline import errors
from pipeline.config.ingest import LOCAL_DATASETS, IngestConfig

if TYPE_CHECKING:
  from pipeline.config.run import RunConfig
  from pipeline.config.train import TrainConfig

SIZE_MULTIPLES = {'mlp': 1, 'dcgan64': 16}  # of height and width; of other networks 4
_WITHOUT_LABELS = ('celeba',)


def check(run: 'RunConfig') -> None:
  """Refuses what a later stage would refuse, or leave undone.

  Raises:
    ConfigError: the first reason found.
  """
  for reason in _reasons(run):
    raise errors.ConfigError(reason)


def _reasons(run: 'RunConfig') -> Iterator[str]:
  yield from _of_images(run.ingest, run.train)
  yield from _of_labels(run.ingest, run.train)
  yield from _of_gates(run)


def _of_images(ingest: IngestConfig, train: 'TrainConfig') -> Iterator[str]:
  multiple = SIZE_MULTIPLES.get(train.network, 4)
  if ingest.image_size % multiple:
    yield (
      f'--network={train.network} (TrainConfig) can not make images of --image_size='
      f'{ingest.image_size}. Choose an --image_size that {multiple} divides.'
    )
  if train.augment != 'none' and train.augment_operations == 'color' and ingest.num_channels == 1:
    yield (
      '--augment_operations=color (TrainConfig) leaves the grey images of --num_channels=1 as they'
      ' are. Add translation or cutout, or use --augment=none.'
    )


def _of_labels(ingest: IngestConfig, train: 'TrainConfig') -> Iterator[str]:
  where = _why_unlabelled(ingest)
  asked = train.conditioning not in ('auto', 'none')
  if where and (asked or train.mismatch_weight):
    setting = 'conditioning=' + train.conditioning if asked else 'mismatch_weight'
    yield (
      f'--{setting} (TrainConfig) needs labels, which {where} leaves out. Use --conditioning=auto'
      ' --mismatch_weight=0, or other data.'
    )


def _of_gates(run: 'RunConfig') -> Iterator[str]:
  where, asks_labels = _why_unlabelled(run.ingest), run.train.may_use_labels
  way = f'--network={run.train.network} --conditioning={run.train.conditioning}'
  anomaly_steps = run.export_saved_model.anomaly_steps
  if run.evaluate.min_label_agreement and (where or not asks_labels):
    yield (
      f'--min_label_agreement={run.evaluate.min_label_agreement} (EvaluateConfig) needs a generator'
      f' that takes labels, which one of {where or way} does not. Set it to 0, and use'
      ' --max_frechet_ratio.'
    )
  is_published = run.ingest.dataset not in LOCAL_DATASETS  # and has classes
  if anomaly_steps and asks_labels and not where and is_published:
    yield (
      f'--anomaly_steps={anomaly_steps} (ExportSavedModelConfig) needs a generator without labels.'
      ' Name --normal_classes, or use --conditioning=none.'
    )
  if run.validate.min_anomaly_auroc and not (anomaly_steps and run.ingest.normal_class_names):
    yield (
      f'--min_anomaly_auroc={run.validate.min_anomaly_auroc} (ValidateConfig) measures what'
      ' --anomaly_steps fits, by images that are not of --normal_classes. Set all three, or'
      ' --min_anomaly_auroc=0.'
    )


def _why_unlabelled(ingest: IngestConfig) -> str:
  """The setting after which no image has a label; empty if the data decides."""
  if ingest.normal_class_names:
    return f'--normal_classes={ingest.normal_classes}'
  return f'--dataset={ingest.dataset}' if ingest.dataset in _WITHOUT_LABELS else ''
