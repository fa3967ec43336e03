"""A run becomes a bundle, or one line says why not."""

import base64
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest
import rich.console
from ai_edge_litert.interpreter import Interpreter

from mobile import convert
from mobile.bundle import readme
from pipeline import errors, push
from pipeline.config.push import PushConfig
from pipeline.console import Console
from tests.mobile.bundle.conftest import RunFolder

Command = Callable[..., tuple[int, str]]
FILES = {*convert.FILES.values(), 'golden.json', 'golden.png', 'bundle.json', 'README.md'}
LATENCY = re.compile(r'[\d.e+-]+ ms|"latency_ms": [\d.]+')


def contents(folder: pathlib.Path) -> dict[str, str]:
  """A digest of each file, but for the latencies in texts."""
  found = {}
  for path in folder.rglob('*'):
    data = path.read_bytes()
    if path.name in ('README.md', 'bundle.json'):
      data = LATENCY.sub('', data.decode()).encode()
    found[path.name] = hashlib.sha256(data).hexdigest()
  return found


def test_a_bundle_has_all_files_and_tells_of_each(command: Command, tmp_path: pathlib.Path):
  assert command()[0] == 0
  out = tmp_path / 'out'
  assert {path.name for path in out.iterdir()} == FILES
  facts = json.loads((out / 'bundle.json').read_text())
  page = (out / 'README.md').read_text()
  for name in convert.FILES.values():
    digest = hashlib.sha256((out / name).read_bytes()).hexdigest()
    assert facts['models'][name]['sha256'] == digest
    assert facts['models'][name]['bytes'] == (out / name).stat().st_size
    assert 0 < facts['models'][name]['gzip_bytes'] < facts['models'][name]['bytes']
    assert facts['models'][name]['latency_ms'] > 0
    assert digest in page
  assert facts['models']['generator.tflite']['quality'] == {
    'psnr_db': 42.5,
    'label_agreement': 0.98,
    'frechet_increase': 0.012,
  }
  row = next(line for line in page.splitlines() if line.startswith('| `generator.tflite` | int8'))
  assert row.endswith('| 42.5 dB | 98.0% | +1.2% |')
  assert '| within 1 of 255 levels | – | – |' in page
  assert 'NOASSERTION' in page


def test_it_lies_in_the_run_folder_by_default(command: Command, run: RunFolder):
  assert command(out=None) == (0, '')
  assert {path.name for path in (run.path / 'bundle').iterdir()} == FILES


def test_libraries_say_nothing_on_the_terminal(run: RunFolder):
  command = [sys.executable, '-m', 'mobile.bundle', f'--run_dir={run.path}']
  done = subprocess.run(command, capture_output=True, text=True, timeout=300)
  assert (done.returncode, done.stderr) == (0, '')


def test_golden_png_shows_what_the_int8_file_draws(command: Command, tmp_path: pathlib.Path):
  command()
  out = tmp_path / 'out'
  sheet = np.asarray(PIL.Image.open(out / 'golden.png'))
  assert sheet.shape == (2 * 60, 8 * 60)
  golden = json.loads((out / 'golden.json').read_text())
  latents = np.frombuffer(base64.b64decode(golden['latents']), '<f4').reshape(16, -1)
  generate = Interpreter(str(out / 'generator.tflite')).get_signature_runner('generate')
  tenth = generate(latent=latents[9:10], label=np.array(golden['labels'][9:10], np.int32))
  np.testing.assert_array_equal(sheet[62:118:2, 62:118:2], tenth['pixels'][0, :, :, 0])


def test_the_python_of_the_page_runs(
  command: Command, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  command()
  monkeypatch.chdir(tmp_path / 'out')
  page = pathlib.Path('README.md').read_text()
  names: dict = {}
  exec(re.search(r'```python\n(.*?)```', page, re.DOTALL)[1], names)
  assert names['pixels'].shape == (1, 28, 28, 1)
  assert names['pixels'].dtype == np.uint8


def test_the_name_of_a_class_stays_in_its_cell(command: Command, tmp_path: pathlib.Path):
  command()
  facts = json.loads((tmp_path / 'out' / 'bundle.json').read_text())
  facts['gan_info']['class_names'][3] = 'cat|dog'
  rows = readme.render(facts).splitlines()
  label = next(row for row in rows if row.startswith('| `label`'))
  assert r'2, cat\|dog, 4' in label
  assert len(re.split(r'(?<!\\)\|', label)) == 6


def test_made_again_it_is_the_same_but_for_latency(command: Command, tmp_path: pathlib.Path):
  command()
  before = contents(tmp_path / 'out')
  assert command()[0] == 0
  assert contents(tmp_path / 'out') == before
  assert {path.name for path in tmp_path.iterdir()} == {'run', 'out'}


def test_the_push_stage_makes_the_same(command: Command, run: RunFolder, tmp_path: pathlib.Path):
  command()
  (tmp_path / 'model').mkdir()
  (tmp_path / 'model' / 'saved_model.pb').write_bytes(b'graph')
  (tmp_path / 'push').mkdir()
  stages = ('evaluate', 'validate', 'export_tflite')
  inputs = {stage: run.path / stage for stage in stages}
  config = PushConfig(model_name='digits', serving_model_dir=str(tmp_path / 'models'))
  console = Console(rich.console.Console(file=io.StringIO()))
  inputs['export_saved_model'] = tmp_path / 'model'
  push.push(config, inputs, tmp_path / 'push', console)
  assert contents(tmp_path / 'push' / 'bundle') == contents(tmp_path / 'out')


def test_a_damaged_file_stops_the_push_before_it_publishes(run: RunFolder, tmp_path: pathlib.Path):
  (run.path / 'export_tflite' / 'generator.tflite').write_bytes(b'other')
  inputs = {stage: run.path / stage for stage in ('evaluate', 'validate', 'export_tflite')}
  config = PushConfig(model_name='digits', serving_model_dir=str(tmp_path / 'models'))
  console = Console(rich.console.Console(file=io.StringIO()))
  (tmp_path / 'push').mkdir()
  with pytest.raises(errors.ArtifactError, match=r'SHA-256 of generator\.tflite is'):
    push.push(config, inputs, tmp_path / 'push', console)
  assert not (tmp_path / 'models').exists()


def refused(command: Command, tmp_path: pathlib.Path, **arguments: str) -> tuple[int, str]:
  """The command's exit code and its one line; nothing was left behind."""
  before = sorted(tmp_path.iterdir())
  code, said = command(**arguments)
  assert sorted(tmp_path.iterdir()) == before
  assert said.count('\n') == 1
  return code, said


def test_a_run_that_failed_is_refused(command: Command, run: RunFolder, tmp_path: pathlib.Path):
  run.validate(psnr_db=18.2)
  code, said = refused(command, tmp_path)
  assert code == 5
  assert 'generator.tflite: mean PSNR 18.2 dB < 25' in said


def test_a_run_that_failed_its_gate_is_refused(
  command: Command, run: RunFolder, tmp_path: pathlib.Path
):
  row = {'figure': 'label_agreement', 'value': 0.5, 'limit': 0.9, 'direction': 'min'}
  run.write('evaluate', 'metrics.json', {'gate': [row | {'passed': False}]})
  run.seal()
  code, said = refused(command, tmp_path)
  assert (code, 'label_agreement 0.5 < 0.9 (gate)' in said) == (5, True)


def test_an_unfinished_run_is_refused(command: Command, run: RunFolder, tmp_path: pathlib.Path):
  (run.path / 'validate').rename(run.path / '.validate.partial')
  code, said = refused(command, tmp_path)
  assert (code, 'has no validate/' in said) == (2, True)


def test_files_that_were_not_those_validated_are_refused(
  command: Command, run: RunFolder, tmp_path: pathlib.Path
):
  (run.path / 'export_tflite' / 'note.txt').write_text('new')
  run._manifest('export_tflite', {})
  code, said = refused(command, tmp_path)
  assert (code, 'made after the validation' in said) == (5, True)


def test_a_damaged_file_is_refused(command: Command, run: RunFolder, tmp_path: pathlib.Path):
  path = run.path / 'export_tflite' / 'generator.tflite'
  path.write_bytes(path.read_bytes()[:-1] + b'x')
  code, said = refused(command, tmp_path)
  assert (code, 'generator.tflite has SHA-256' in said) == (7, True)


def test_a_run_without_golden_is_refused(command: Command, run: RunFolder, tmp_path: pathlib.Path):
  (run.path / 'export_tflite' / 'golden.json').unlink()
  run.seal()
  code, said = refused(command, tmp_path)
  assert (code, 'golden.json' in said) == (7, True)


@pytest.mark.parametrize('name', ['notes.txt', 'README.md', 'generator.tflite'])
def test_a_folder_of_something_else_is_left_alone(
  command: Command, tmp_path: pathlib.Path, name: str
):
  (tmp_path / 'out').mkdir()
  (tmp_path / 'out' / name).write_text('mine')
  code, said = refused(command, tmp_path)
  assert (code, 'is no bundle alone' in said) == (2, True)
  assert (tmp_path / 'out' / name).read_text() == 'mine'


@pytest.mark.parametrize('name', ['notes.txt', 'upscaler.tflite'])
def test_a_bundle_with_something_of_mine_is_left_alone(
  command: Command, tmp_path: pathlib.Path, name: str
):
  command()
  (tmp_path / 'out' / name).write_text('mine')
  code, said = refused(command, tmp_path)
  assert (code, f'holds {name}' in said) == (2, True)
  assert (tmp_path / 'out' / name).read_text() == 'mine'


@pytest.mark.parametrize('facts', ['mine', '{}', '{"models": 1}'])
def test_a_file_named_as_the_facts_makes_no_bundle(
  command: Command, tmp_path: pathlib.Path, facts: str
):
  (tmp_path / 'out').mkdir()
  (tmp_path / 'out' / 'bundle.json').write_text(facts)
  code, said = refused(command, tmp_path)
  assert (code, 'is no bundle alone' in said) == (2, True)


def test_a_folder_that_can_not_be_made_is_one_line(command: Command, tmp_path: pathlib.Path):
  (tmp_path / 'file').write_text('')
  code, said = refused(command, tmp_path, out='file/out')
  assert (code, 'Choose a writable folder' in said) == (6, True)


def test_what_failed_half_way_leaves_the_old_bundle(
  command: Command, run: RunFolder, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  command()
  before = contents(tmp_path / 'out')

  def full(*_: object) -> None:
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr('mobile.bundle.pictures.write', full)
  code, said = refused(command, tmp_path)
  assert (code, 'No space left on device' in said) == (6, True)
  assert contents(tmp_path / 'out') == before


def test_a_bundle_that_can_not_be_moved_into_place_leaves_the_old_one(
  command: Command, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  command()
  before = contents(tmp_path / 'out')
  rename = pathlib.Path.rename

  def refuse_the_new(path: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    if path.name == 'new':
      raise OSError(5, 'Input/output error')
    return rename(path, target)

  monkeypatch.setattr(pathlib.Path, 'rename', refuse_the_new)
  code, said = refused(command, tmp_path)
  assert (code, 'Input/output error' in said) == (6, True)
  assert contents(tmp_path / 'out') == before
