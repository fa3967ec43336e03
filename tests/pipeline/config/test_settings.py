from pipeline.config.ingest import IngestConfig
from pipeline.config.settings import deciding


def test_settings_that_only_say_where_or_how_fast_decide_nothing():
  plain, moved = IngestConfig(), IngestConfig(data_dir='x', num_ingest_workers=3)
  assert deciding(plain) == deciding(moved)
  assert deciding(plain) != deciding(IngestConfig(seed=1))
