"""The production line: which stages there are, what each reads, and where each lives."""

from collections.abc import Mapping
from typing import Any

from pipeline.pushed import pushed_is_live
from pipeline.stages import Stage


def _source_files(config: Any) -> Mapping[str, str]:
  from pipeline import ingest  # reads the source, so only when the stage is looked at

  return {'source files': ingest.source_digest(config)}


STAGES = (
  Stage(name='ingest', module='pipeline.ingest.stage', external=_source_files),
  Stage(name='train', module='pipeline.train.stage', inputs=('ingest',), is_resumable=True),
  Stage(name='evaluate', module='pipeline.evaluate.stage', inputs=('ingest', 'train')),
  Stage(name='golden', module='pipeline.golden', inputs=('train', 'evaluate')),
  Stage(
    name='export_saved_model',
    module='pipeline.export_saved_model',
    inputs=('ingest', 'train', 'evaluate', 'golden'),
  ),
  Stage(
    name='export_tflite',
    module='pipeline.export_tflite',
    inputs=('ingest', 'train', 'evaluate', 'golden'),
  ),
  Stage(
    name='validate',
    module='pipeline.validate',
    inputs=('ingest', 'train', 'evaluate', 'golden', 'export_saved_model', 'export_tflite'),
  ),
  Stage(
    name='push',
    module='pipeline.push',
    inputs=('evaluate', 'validate', 'export_saved_model', 'export_tflite'),
    is_live=pushed_is_live,
  ),
  Stage(
    name='report',
    module='pipeline.report.stage',
    inputs=(
      'ingest',
      'train',
      'evaluate',
      'golden',
      'export_saved_model',
      'export_tflite',
      'validate',
      'push',
    ),
    runs_after_failure=True,
  ),
)
