import io
import json
import pathlib

import pytest
import rich.console

from pipeline import comparison, errors, push, pushed
from pipeline.config.push import PushConfig
from pipeline.console import Console
from serving import push as serving_push
from serving.push import labels


@pytest.fixture
def inputs(tmp_path: pathlib.Path) -> dict[str, pathlib.Path]:
  folders = {name: tmp_path / name for name in ('evaluate', 'validate', 'export_saved_model')}
  for folder in folders.values():
    folder.mkdir()
  write(folders['evaluate'] / 'metrics.json', {'gate': [gate_row(True)]})
  write(folders['validate'] / 'validation.json', validation(26.0))
  (folders['export_saved_model'] / 'variables').mkdir()
  (folders['export_saved_model'] / 'saved_model.pb').write_bytes(b'graph')
  (folders['export_saved_model'] / 'variables' / 'variables.index').write_bytes(b'index')
  return folders


def write(path: pathlib.Path, value: object) -> None:
  path.write_text(json.dumps(value))


def gate_row(passed: bool) -> dict[str, object]:
  value = 0.99 if passed else 0.5
  row = {'figure': 'label_agreement@mnist-ab', 'value': value, 'limit': 0.98, 'direction': 'min'}
  return row | {'passed': passed}


def validation(psnr: float) -> dict[str, object]:
  checks = [comparison.check('min_psnr_db', psnr, 25.0, 'dB')]
  return {'models': [{'file': 'generator.tflite', 'checks': checks}]}


def run(inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path) -> pathlib.Path:
  output = tmp_path / 'push'
  output.mkdir(exist_ok=True)
  config = PushConfig(
    model_name='digits',
    serving_model_dir=str(tmp_path / 'models'),
    keep_versions=2,
    mobile_bundle=False,
  )
  push.push(config, inputs, output, Console(rich.console.Console(file=io.StringIO())))
  return output


def test_publishes_and_records(inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path):
  facts = json.loads((run(inputs, tmp_path) / 'pushed.json').read_text())
  path = tmp_path / 'models' / 'digits' / '1'
  assert (facts['model_name'], facts['version'], facts['path']) == ('digits', 1, str(path))
  assert (path / 'variables' / 'variables.index').read_bytes() == b'index'


def test_old_versions_go_but_for_those_with_a_label(
  inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path
):
  folder = tmp_path / 'models' / 'digits'
  run(inputs, tmp_path)
  labels.write(folder.parent / labels.FILE, folder, {labels.STABLE: 1})
  for _ in range(3):
    run(inputs, tmp_path)
  assert list(serving_push.versions(folder)) == [1, 3, 4]


def test_labels_that_can_not_be_read_are_one_line_and_nothing_is_pushed(
  inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path
):
  folder = tmp_path / 'models' / 'digits'
  run(inputs, tmp_path)
  (folder.parent / labels.FILE).write_text('oops')
  with pytest.raises(errors.StorageError, match='no configuration of TF Serving') as caught:
    run(inputs, tmp_path)
  assert '\n' not in str(caught.value)
  assert list(serving_push.versions(folder)) == [1]


def test_labels_that_can_not_be_locked_are_one_line_and_nothing_is_pushed(
  inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path
):
  (tmp_path / 'models' / 'digits').mkdir(parents=True)
  (tmp_path / 'models' / f'.{labels.FILE}.lock').mkdir()
  with pytest.raises(errors.StorageError, match='Is a directory'):
    run(inputs, tmp_path)
  assert not serving_push.versions(tmp_path / 'models' / 'digits')


def test_failed_gate_is_not_pushed(inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path):
  write(inputs['evaluate'] / 'metrics.json', {'gate': [gate_row(False)]})
  with pytest.raises(errors.ValidationError, match=r'label_agreement@mnist-ab 0\.5 < 0\.98'):
    run(inputs, tmp_path)
  assert not (tmp_path / 'models').exists()


def test_failed_validation_is_not_pushed(inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path):
  write(inputs['validate'] / 'validation.json', validation(18.2))
  with pytest.raises(errors.ValidationError, match=r'generator\.tflite: mean PSNR 18\.2 dB < 25'):
    run(inputs, tmp_path)
  assert not (tmp_path / 'models').exists()


def test_live_until_a_file_changes(inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path):
  output = run(inputs, tmp_path)
  assert pushed.pushed_is_live(output)
  graph = tmp_path / 'models' / 'digits' / '1' / 'saved_model.pb'
  graph.write_bytes(b'other')
  assert not pushed.pushed_is_live(output)
  graph.write_bytes(b'graph')
  assert pushed.pushed_is_live(output)
  graph.unlink()
  assert not pushed.pushed_is_live(output)


def test_not_live_when_another_push_removed_it_at_once(
  inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  prune = serving_push.prune

  def after_another_push(folder: pathlib.Path, keep: int) -> list[int]:
    serving_push.publish(inputs['export_saved_model'], folder.parent, folder.name)
    prune(folder, 1)
    return prune(folder, keep)

  monkeypatch.setattr(serving_push, 'prune', after_another_push)
  output = run(inputs, tmp_path)
  assert json.loads((output / 'pushed.json').read_text())['version'] == 1
  assert list(serving_push.versions(tmp_path / 'models' / 'digits')) == [2]
  assert not pushed.pushed_is_live(output)


@pytest.mark.parametrize('text', ['', '{}', '{"path": "gone", "files": {"a": "b"}}'])
def test_not_live_without_a_whole_record(tmp_path: pathlib.Path, text: str):
  assert not pushed.pushed_is_live(tmp_path)
  (tmp_path / 'pushed.json').write_text(text)
  assert not pushed.pushed_is_live(tmp_path)


def test_unwritable_folder_is_one_line(inputs: dict[str, pathlib.Path], tmp_path: pathlib.Path):
  (tmp_path / 'models').write_text('a file')
  with pytest.raises(errors.StorageError, match='serving_model_dir') as caught:
    run(inputs, tmp_path)
  assert '\n' not in str(caught.value)
