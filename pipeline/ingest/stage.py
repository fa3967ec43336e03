"""The ingest stage: a source's images, checked, counted, shuffled and sharded."""

import contextlib
import json
import logging
import math
import pathlib
import time
import types
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import errors
from pipeline.config.ingest import ANOMALOUS, IngestConfig
from pipeline.console import Console
from pipeline.ingest import sources
from pipeline.ingest.source import Source

_NUM_REASONS = 3  # quoted when too many records are bad


def ingest(
  config: IngestConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
) -> None:
  """Writes TFRecord shards, dataset.json and quarantine/ to `output`.

  The bytes depend on the source, the sizes, the number of shards and the seed; on nothing else.

  Raises:
    DataError: a source that can't be used, or with too many bad records.
    ConfigError: --beam_args that Beam doesn't know.
    StorageError: a folder that can't be written.
  """
  del inputs  # the first stage
  start_s = time.monotonic()
  source = sources.open_source(config)
  counts = {split: sum(b.num_records for b in blocks) for split, blocks in source.splits.items()}
  num_shards = _num_shards(config.num_shards, counts)
  if config.normal_classes:
    counts.pop(ANOMALOUS, None)  # the same records again
  console.log(
    f'dataset={source.name} '
    + ' '.join(f'{split}={n}' for split, n in counts.items())
    + f' classes={len(source.class_names)} shards={config.num_shards}'
    + f' workers={config.num_ingest_workers}'
  )
  with _unchanged(config, source):
    summary = _run(config, source, num_shards, output)
  _write_quarantine(output, summary['bad'])
  _check(config, summary, sum(counts.values()))
  info = _dataset(config, source, summary)
  (output / 'dataset.json').write_text(json.dumps(info, indent=2) + '\n', encoding='utf-8')
  _report(console, info, time.monotonic() - start_s)


@contextlib.contextmanager
def _unchanged(config: IngestConfig, source: Source) -> Iterator[None]:
  """Refuses a source whose files changed meanwhile, whatever became of that."""
  try:
    yield
  except Exception:
    _check_unchanged(config, source)
    raise
  _check_unchanged(config, source)


def _check_unchanged(config: IngestConfig, source: Source) -> None:
  if config.data_dir and sources.source_digest(config) != source.fingerprint:
    raise errors.DataError(
      f'--data_dir={config.data_dir} changed while it was read. Run the same command again when'
      ' nothing writes there.'
    )


def _run(
  config: IngestConfig,
  source: Source,
  num_shards: Mapping[str, int],
  output: pathlib.Path,
) -> dict[str, Any]:
  """Runs the Beam pipeline and returns its summary."""
  runner, transforms = _import_beam()
  (output / 'quarantine').mkdir()
  path = output / '.summary.json'
  blocks = [(split, block) for split, blocks in source.splits.items() for block in blocks]
  try:
    runner.run(
      config,
      lambda pipeline: transforms.build(
        pipeline,
        blocks,
        image_size=config.image_size,
        num_channels=config.num_channels,
        num_classes=len(source.class_names),
        num_shards=num_shards,
        seed=config.seed,
        output=str(output.resolve()),
        summary=str(path.resolve()),
      ),
    )
  finally:
    sources.release_memory()
  summary = json.loads(path.read_text(encoding='utf-8'))
  path.unlink()
  return summary


def _import_beam() -> tuple[types.ModuleType, types.ModuleType]:
  """Imports Beam, which takes seconds: only where a pipeline runs, not for a plan."""
  disabled = logging.root.manager.disable
  logging.disable(logging.WARNING)  # it warns that a Google Cloud package is not installed
  try:
    from pipeline.ingest import runner, transforms
  finally:
    logging.disable(disabled)
  return runner, transforms


def _num_shards(num_train_shards: int, counts: Mapping[str, int]) -> dict[str, int]:
  """Shards of about the same size in every split."""
  return {
    split: max(1, math.ceil(num_train_shards * count / counts['train']))
    if split != 'train'
    else num_train_shards
    for split, count in counts.items()
  }


def _write_quarantine(output: pathlib.Path, bad: list[dict[str, Any]]) -> None:
  lines = ''.join(json.dumps(line) + '\n' for line in bad)
  (output / 'quarantine' / 'records.jsonl').write_text(lines, encoding='utf-8')


def _check(config: IngestConfig, summary: dict[str, Any], num_records: int) -> None:
  bad = summary['bad']
  reasons = '; '.join(f'{line["key"]}: {line["reason"]}' for line in bad[:_NUM_REASONS])
  where = f'--data_dir={config.data_dir}' if config.data_dir else f'--dataset={config.dataset}'
  empty = [split for split, s in summary['statistics'].items() if not s['num_images']]
  if empty and config.normal_classes and not bad:
    raise errors.DataError(
      f'{where}: no image of the {empty[0]} split is of --normal_classes={config.normal_classes}.'
      ' Name a class that every split has.'
    )
  if empty:
    raise errors.DataError(
      f'{where}: no record of the {empty[0]} split could be decoded'
      f' ({len(bad)} of {num_records} bad: {reasons}).'
      ' Give PNG or JPEG that opens in other programs, under names that --help tells of.'
    )
  if len(bad) > config.max_bad_fraction * num_records:
    raise errors.DataError(
      f'{where}: {len(bad)} of {num_records} records could not be decoded, a larger share than'
      f' --max_bad_fraction={config.max_bad_fraction} ({reasons}).'
      ' Mend or remove them, or raise --max_bad_fraction.'
    )


def _dataset(config: IngestConfig, source: Source, summary: dict[str, Any]) -> dict[str, Any]:
  """The content of dataset.json."""
  shards = summary['shards']
  return {
    'name': source.name,
    'image_shape': [config.image_size, config.image_size, config.num_channels],
    'num_classes': len(source.class_names),
    'class_names': list(source.class_names),
    'splits': {
      split: summary['statistics'][split]
      | {'shards': [shard for shard in shards if shard['file'].startswith(f'{split}-')]}
      for split in source.splits
    },
    'quarantined': len(summary['bad']),
    'source': {'dataset': config.dataset, 'sha256': source.fingerprint, 'seed': config.seed},
  }


def _report(console: Console, info: dict[str, Any], seconds: float) -> None:
  images = ' '.join(f'{split}={s["num_images"]}' for split, s in info['splits'].items())
  console.log(
    f'ingested {images} classes={info["num_classes"]} quarantined={info["quarantined"]}'
    f' seconds={seconds:.1f}'
  )
  if info['quarantined']:
    console.warn(
      f'{info["quarantined"]} bad records were left out; quarantine/records.jsonl says why.'
    )
