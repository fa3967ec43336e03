import dataclasses

import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.config.run import RunConfig
from pipeline.config.settings import deciding


def test_settings_that_only_say_where_or_how_fast_decide_nothing():
  plain = IngestConfig(dataset='mnist')
  moved = dataclasses.replace(plain, data_dir='x', num_ingest_workers=3)
  assert deciding(plain) == deciding(moved)
  assert deciding(plain) != deciding(dataclasses.replace(plain, seed=1))


@pytest.mark.parametrize(
  'name', ['new\nline', 'the end\n', 'space ', 'page\x0cbreak', 'latin-1 \udce9']
)
def test_a_name_that_no_flagfile_keeps_is_refused(name):
  for make in (
    lambda: IngestConfig(dataset='npz', data_dir=name),
    lambda: RunConfig(run_dir=name),
  ):
    with pytest.raises(errors.ConfigError, match='no flagfile keeps') as caught:
      make()
    assert 'dir=' in str(caught.value)
