import pathlib

import pytest

from pipeline.latents import latents_from_seeds
from serving import export, warmup
from tests.mobile.no_skips import pytest_runtest_makereport  # noqa: F401
from tests.serving import tiny_models


@pytest.fixture(scope='session')
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A conditional model with three classes and warm-up records."""
  path = tmp_path_factory.mktemp('saved_model')
  export.export_saved_model(
    path,
    generator=tiny_models.generator(),
    discriminator=tiny_models.discriminator(),
    latents_from_seeds=latents_from_seeds,
    num_classes=3,
  )
  warmup.write_warmup(path, 2)
  return path
