import pathlib

import pytest

import pipeline
from pipeline import sources

ROOT = pathlib.Path(pipeline.__file__).parent


def names(module):
  return {path.relative_to(ROOT.parent).as_posix() for path in sources._closure(module)}


@pytest.mark.parametrize(
  ('module', 'some', 'none'),
  [
    (
      'train.stage',
      {'pipeline/train/step.py', 'pipeline/networks/digits.py', 'pipeline/dataset.py'},
      ('pipeline/report', 'serving', 'mobile'),
    ),
    ('export_saved_model', {'serving/export.py'}, ('pipeline/ingest', 'mobile')),
    ('export_tflite', {'mobile/convert.py'}, ('pipeline/ingest', 'serving')),
  ],
)
def test_a_stage_depends_on_what_it_imports_and_no_more(module, some, none):
  files = names(f'pipeline.{module}')
  assert some <= files
  assert not any(name.startswith(none) for name in files)


def test_settings_count_by_value_not_by_source():
  assert not any(name.startswith('pipeline/config') for name in names('pipeline.train.stage'))


def test_data_files_of_a_package_count():
  assert any(name.endswith('.npz') for name in names('pipeline.evaluate.stage'))


def test_a_change_to_an_imported_file_changes_the_digest(monkeypatch):
  before = sources.source_digest('pipeline.train.stage')
  assert sources.source_digest('pipeline.train.stage') == before
  real = pathlib.Path.read_bytes

  def changed(path):
    return real(path) + (b'#' if path.name == 'losses.py' else b'')

  monkeypatch.setattr(pathlib.Path, 'read_bytes', changed)
  assert sources.source_digest('pipeline.train.stage') != before
