import pytest

from tests.pipeline.ingest.files import IMAGES, LABELS, write_pair


@pytest.fixture
def pair(tmp_path):
  """A folder of IDX files: 90 images of three classes to train, and the first 30 to test."""
  folder = tmp_path / 'source'
  folder.mkdir()
  write_pair(folder, IMAGES, LABELS)
  write_pair(folder, IMAGES[:30], LABELS[:30], stem='t10k')
  return folder
