"""The Beam transforms of ingest. Plain functions do the work; this file only says how it flows.

Blocks travel as (split, block); shards are keyed by file name.
"""

import hashlib
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

from pipeline.ingest import shuffle, statistics, tfrecord
from pipeline.ingest.example import encode_example
from pipeline.ingest.source import BadRecord, Block, Decoded, readable

_BAD = 'bad'
_Placed = tuple[bytes, bytes]  # place in the order, serialized example


class DecodeImages(beam.PTransform):
  """(split, Block) → a pair of PCollections: (split, Decoded), and BadRecord."""

  def __init__(self, image_size: int, num_channels: int) -> None:
    super().__init__()
    self._decode = _Decode(image_size, num_channels)

  def expand(self, blocks: beam.PCollection) -> Any:
    """Decodes each block."""
    outputs = blocks | beam.ParDo(self._decode).with_outputs(_BAD, main='good')
    return outputs.good, outputs[_BAD]


class _Decode(beam.DoFn):
  def __init__(self, image_size: int, num_channels: int) -> None:
    self._image_size, self._num_channels = image_size, num_channels

  def process(self, element: tuple[str, Block]) -> Iterator[Any]:
    split, block = element
    decoded = block.decode(self._image_size, self._num_channels)
    yield from (beam.pvalue.TaggedOutput(_BAD, record) for record in decoded.bad)
    yield split, decoded


class ComputeStatistics(beam.PTransform):
  """(split, Decoded) → (split, Statistics), one a split."""

  def __init__(self, num_classes: int, num_channels: int) -> None:
    super().__init__()
    self._num_classes = num_classes
    self._zero = statistics.zero(num_classes, num_channels)

  def expand(self, blocks: beam.PCollection) -> beam.PCollection:
    """Adds up the blocks."""
    return (
      blocks
      | 'OfBlock' >> beam.Map(_block_statistics, num_classes=self._num_classes)
      | 'Sum' >> beam.CombinePerKey(_Sum(self._zero))
    )


def _block_statistics(
  element: tuple[str, Decoded], num_classes: int
) -> tuple[str, statistics.Statistics]:
  split, block = element
  return split, statistics.of_block(block, num_classes)


class _Sum(beam.CombineFn):
  def __init__(self, zero: statistics.Statistics) -> None:
    self._zero = zero

  def create_accumulator(self) -> statistics.Statistics:
    return self._zero

  def add_input(
    self, total: statistics.Statistics, block: statistics.Statistics
  ) -> statistics.Statistics:
    return total + block

  def merge_accumulators(self, totals: Iterable[statistics.Statistics]) -> statistics.Statistics:
    return sum(totals, self._zero)

  def extract_output(self, total: statistics.Statistics) -> statistics.Statistics:
    return total


class ShuffleIntoShards(beam.PTransform):
  """(split, Decoded) → (shard's file name, lists of placed examples), for every shard."""

  def __init__(self, seed: int, num_shards: Mapping[str, int]) -> None:
    super().__init__()
    self._seed, self._num_shards = seed, dict(num_shards)

  def expand(self, blocks: beam.PCollection) -> beam.PCollection:
    """Groups the examples of each shard."""
    names = [
      name for split, n in self._num_shards.items() for name in shuffle.shard_names(split, n)
    ]
    every = blocks.pipeline | 'EveryShard' >> beam.Create([(name, []) for name in names])
    placed = blocks | 'Place' >> beam.FlatMap(
      place_examples, seed=self._seed, num_shards=self._num_shards
    )
    return (
      (every, placed)
      | beam.Flatten().with_output_types(tuple[str, Any])
      | 'GroupShards' >> beam.GroupByKey()
    )


def place_examples(
  element: tuple[str, Decoded], seed: int, num_shards: Mapping[str, int]
) -> Iterator[tuple[str, list[_Placed]]]:
  """The examples of a block of a split, by the shard they belong to."""
  split, block = element
  names = shuffle.shard_names(split, num_shards[split])
  shards: dict[str, list[_Placed]] = {}
  labels = None if block.labels is None else block.labels.tolist()
  for i, (image, key) in enumerate(zip(block.images, block.keys, strict=True)):
    features: dict[str, bytes | int] = {
      'image': image.tobytes(),
      'key': key.encode(errors='surrogateescape'),  # file names need not be UTF-8
    }
    if labels is not None:
      features['label'] = labels[i]
    place = shuffle.order(seed, key)
    name = names[shuffle.shard_of(place, len(names))]
    shards.setdefault(name, []).append((place, encode_example(features)))
  yield from shards.items()


class WriteShards(beam.PTransform):
  """(shard's file name, lists of placed examples) → the shard's entry in dataset.json."""

  def __init__(self, folder: str) -> None:
    super().__init__()
    self._folder = folder

  def expand(self, shards: beam.PCollection) -> beam.PCollection:
    """Writes each shard."""
    return shards | beam.Map(write_shard, folder=self._folder)


def write_shard(element: tuple[str, Iterable[list[_Placed]]], folder: str) -> dict[str, Any]:
  """Writes a shard in the order of its records' places."""
  name, parts = element
  placed = sorted(record for part in parts for record in part)
  sha256 = tfrecord.write_tfrecord(pathlib.Path(folder) / name, (example for _, example in placed))
  return {'file': name, 'num_images': len(placed), 'sha256': sha256}


class QuarantineRecords(beam.PTransform):
  """BadRecord → its line in records.jsonl; the bytes that were kept are written beside it."""

  def __init__(self, folder: str) -> None:
    super().__init__()
    self._folder = folder

  def expand(self, records: beam.PCollection) -> beam.PCollection:
    """Puts each record away."""
    return records | beam.Map(quarantine, folder=self._folder)


def quarantine(record: BadRecord, folder: str) -> dict[str, Any]:
  """Writes the record's bytes, if there are any, under a name made from its key."""
  line = {'key': readable(record.key), 'reason': record.reason, 'source': record.source}
  if record.payload:
    key = record.key.encode(errors='surrogateescape')
    file = pathlib.Path(folder) / f'{hashlib.sha256(key).hexdigest()[:16]}.bin'
    file.write_bytes(record.payload)
    line['file'] = file.name
  return line


def write_summary(
  _: None,
  path: str,
  split_statistics: Iterable[tuple[str, statistics.Statistics]],
  shards: Iterable[dict[str, Any]],
  bad: Iterable[dict[str, Any]],
) -> None:
  """Leaves the results where the stage finds them, whichever runner and machine computed them."""
  summary = {
    'statistics': {split: total.as_json() for split, total in split_statistics},
    'shards': sorted(shards, key=lambda shard: shard['file']),
    'bad': sorted(bad, key=lambda line: line['key']),
  }
  pathlib.Path(path).write_text(json.dumps(summary))


def build(
  pipeline: beam.Pipeline,
  blocks: list[tuple[str, Block]],
  *,
  image_size: int,
  num_channels: int,
  num_classes: int,
  num_shards: Mapping[str, int],
  seed: int,
  output: str,
  summary: str,
) -> None:
  """Puts the whole pipeline together; paths must be visible to every worker."""
  good, bad = pipeline | beam.Create(blocks) | DecodeImages(image_size, num_channels)
  totals = good | ComputeStatistics(num_classes, num_channels)
  shards = good | ShuffleIntoShards(seed, num_shards) | WriteShards(output)
  lines = bad | QuarantineRecords(str(pathlib.Path(output) / 'quarantine'))
  _ = (
    pipeline
    | 'Once' >> beam.Create([None])
    | 'WriteSummary'
    >> beam.Map(
      write_summary,
      path=summary,
      split_statistics=beam.pvalue.AsList(totals),
      shards=beam.pvalue.AsList(shards),
      bad=beam.pvalue.AsList(lines),
    )
  )
