"""The images that this process trains on, as batches for each of its replicas."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline import dataset
from pipeline.config.train import TrainConfig
from pipeline.train import stream
from pipeline.train.cluster import Member
from pipeline.train.parts import Parts


@dataclasses.dataclass(frozen=True)
class Batches:
  """An endless stream from any step on."""

  config: TrainConfig
  strategy: tf.distribute.Strategy
  parts: Parts
  images: np.ndarray  # [N, H, W, C] uint8, of this process
  labels: np.ndarray  # [N] integers

  @classmethod
  def load(
    cls,
    config: TrainConfig,
    strategy: tf.distribute.Strategy,
    member: Member | None,
    ingest_dir: pathlib.Path,
  ) -> 'Batches':
    """Reads the shards that this process needs.

    Raises:
      ArtifactError: one is missing or damaged.
    """
    num_images = dataset.load_info(ingest_dir).splits['train'].num_images
    replicas = strategy.num_replicas_in_sync
    number = replicas // len(member.addresses) if member else replicas
    parts = Parts(num_images, replicas, number * member.index if member else 0, number)
    return cls(config, strategy, parts, *dataset.load_split(ingest_dir, 'train', parts.images))

  def __str__(self) -> str:
    replicas, batch_size = self.parts.num_replicas, self.config.batch_size
    of_all = f' of {self.parts.num_images:,}' if len(self.images) < self.parts.num_images else ''
    each = f' ({batch_size // replicas} each of {replicas})' if replicas > 1 else ''
    return f'{len(self.images):,}{of_all} images, batch {batch_size}{each}'

  def __call__(self, step: int) -> Iterator[Any]:
    """Batches from a step on, for the strategy's replicas."""
    data = stream.training_batches(
      self.images,
      self.labels,
      self.config.batch_size // self.parts.num_replicas,
      self.config.seed,
      step * self.config.batches_per_step,
      self.parts,
    )
    return iter(self.strategy.distribute_datasets_from_function(lambda _: data))
