"""The settings of the push stage."""

import dataclasses

from pipeline import errors
from pipeline.config.settings import Checked, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushConfig(Checked):
  """Where a generator that passed goes."""

  model_name: str = setting('digits', 'Name of the model on the server.')
  serving_model_dir: str = setting(
    'serving_models', 'Folder that holds <model_name>/<version>/ for TF Serving.'
  )
  keep_versions: int = setting(
    10, 'Newest versions left in place, beside those that labels need; 0 is all.', min=0
  )
  mobile_bundle: bool = setting(
    True, 'Put the TFLite files together as a folder for apps, push/bundle/ in the run folder.'
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    if not self.model_name.replace('_', '').replace('-', '').isalnum():
      raise errors.ConfigError(
        f'--model_name={self.model_name!r} (PushConfig) would not be one folder and one part of a'
        ' URL. Use letters, digits, _ and -.'
      )
