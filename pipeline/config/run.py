"""The settings of a run, those of all its stages, and their form as JSON."""

# ruff: noqa: RUF009 - the defaults are frozen

import dataclasses
import json
import typing
from typing import Any

from pipeline.config import between_stages
from pipeline.config.evaluate import EvaluateConfig
from pipeline.config.export import ExportSavedModelConfig, ExportTfliteConfig
from pipeline.config.golden import GoldenConfig
from pipeline.config.ingest import IngestConfig
from pipeline.config.push import PushConfig
from pipeline.config.report import ReportConfig
from pipeline.config.settings import Checked, setting
from pipeline.config.train import TrainConfig
from pipeline.config.validate import ValidateConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(Checked):
  """One run: its folder and the configuration of each stage."""

  run_dir: str = setting('runs/run', 'Folder of the run; holds one model and all that led to it.')
  ingest: IngestConfig = IngestConfig()
  train: TrainConfig = TrainConfig()
  evaluate: EvaluateConfig = EvaluateConfig()
  golden: GoldenConfig = GoldenConfig()
  export_saved_model: ExportSavedModelConfig = ExportSavedModelConfig()
  export_tflite: ExportTfliteConfig = ExportTfliteConfig()
  validate: ValidateConfig = ValidateConfig()
  push: PushConfig = PushConfig()
  report: ReportConfig = ReportConfig()

  def __post_init__(self) -> None:
    super().__post_init__()
    between_stages.check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Invocation(Checked):
  """What this call of the program does; it decides no artifact."""

  stages: str = setting('', 'Stages to run, separated by commas; empty is all.')
  dry_run: bool = setting(False, 'Print the plan and stop.')
  on_config_change: str = setting(
    'refuse',
    'When the run folder holds a model of another configuration. rerun: make a new one and keep the'
    ' old artifacts under superseded/.',
    choices=('refuse', 'rerun'),
  )


def stage_types() -> dict[str, Any]:
  """The dataclass of each stage, by the stage's name."""
  hints = typing.get_type_hints(RunConfig)
  return {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind)}


def to_json(config: RunConfig) -> str:
  """The configuration as JSON, by stage."""
  return json.dumps(dataclasses.asdict(config), indent=2) + '\n'


def from_json(text: str) -> RunConfig:
  """The inverse of `to_json`; settings that this version doesn't know are refused."""
  values = json.loads(text)
  stages = {name: stage(**values[name]) for name, stage in stage_types().items()}
  return RunConfig(**(values | stages))
