import pytest

from pipeline.config.ingest import IngestConfig
from pipeline.console import Console
from pipeline.ingest.stage import ingest


@pytest.fixture(scope='session')
def data(tmp_path_factory):
  """5,000 digits of 8x8 pixels, in shards for two workers and more."""
  folder = tmp_path_factory.mktemp('ingest')
  ingest(IngestConfig(image_size=8, num_shards=4), {}, folder, Console())
  return {'ingest': folder}
