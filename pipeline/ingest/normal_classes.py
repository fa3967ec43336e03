"""Some classes as one population to learn, all others as what is to be told from it.

A generator that knows normal images alone finds what is not normal: `pipeline.anomaly`. N images.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipeline import errors
from pipeline.config.ingest import ANOMALOUS
from pipeline.ingest.source import Block, Decoded, Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfClasses(Block):
  """The records of a block whose class is among some, without their labels."""

  block: Block
  labels: frozenset[int]
  reports_bad: bool  # or another block of the same records does

  @property
  def num_records(self) -> int:
    """At most; which classes they have is only known when they are read."""
    return self.block.num_records

  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Reads the records of all classes and keeps those asked for."""
    decoded = self.block.decode(image_size, num_channels)
    assert decoded.labels is not None
    kept = np.flatnonzero(np.isin(decoded.labels, list(self.labels)))
    return Decoded(
      images=decoded.images[kept],
      labels=None,
      keys=tuple(decoded.keys[i] for i in kept),
      bad=decoded.bad if self.reports_bad else (),
    )


def separate(source: Source, normal: Sequence[str]) -> Source:
  """A source without labels: the normal images in its splits, all others in `anomalous`.

  Args:
    source: with classes.
    normal: names of some of them, not of all.

  Raises:
    DataError: a name that is no class of the source, or nothing left to tell apart.
  """
  known = source.class_names
  for name in normal:
    if name not in known:
      raise errors.DataError(
        f'--normal_classes names {name!r} (ingest), which is no class of {source.name}.'
        f' Choose among: {", ".join(known) or "none, it has no labels"}.'
      )
  others = frozenset(label for label, name in enumerate(known) if name not in normal)
  if not others:
    raise errors.DataError(
      f'--normal_classes names every class of {source.name} (ingest): no image is left to be found'
      ' anomalous. Name fewer, or leave it out.'
    )
  kept = frozenset(range(len(known))) - others
  splits = {
    split: tuple(OfClasses(block=block, labels=kept, reports_bad=True) for block in blocks)
    for split, blocks in source.splits.items()
  }
  splits[ANOMALOUS] = tuple(
    OfClasses(block=block, labels=others, reports_bad=False)
    for blocks in source.splits.values()
    for block in blocks
  )
  return dataclasses.replace(source, class_names=(), splits=splits)
