"""The settings of the report stage."""

import dataclasses

from pipeline.config.settings import Checked


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportConfig(Checked):
  """The report has no setting of its own."""
