import dataclasses

from pipeline.config.ingest import IngestConfig
from pipeline.config.settings import deciding


def test_settings_that_only_say_where_or_how_fast_decide_nothing():
  plain = IngestConfig(dataset='mnist')
  moved = dataclasses.replace(plain, data_dir='x', num_ingest_workers=3)
  assert deciding(plain) == deciding(moved)
  assert deciding(plain) != deciding(dataclasses.replace(plain, seed=1))
