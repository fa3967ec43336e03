"""The engine over a line of tiny real stages, defined in this module."""

import json
import os
import shutil

import pytest

from pipeline import artifacts, errors, run_folder, stages
from pipeline.config.flags import parse
from pipeline.config.run import Invocation
from pipeline.console import Console
from pipeline.stages import Line, Stage

CALLS = []


def ingest(settings, inputs, output, console):
  CALLS.append('ingest')
  (output / 'data.txt').write_text(f'seed {settings.seed}')


def train(settings, inputs, output, console):
  CALLS.append('train')
  state = output / 'state.txt'
  done = int(state.read_text()) if state.is_file() else 0
  for step in range(done, settings.train_steps):
    state.write_text(str(step + 1))
    if step + 1 == STOP_AT[0]:
      raise errors.Interrupted('stopped')
  assert (inputs['ingest'] / 'data.txt').is_file()


def evaluate(settings, inputs, output, console):
  CALLS.append('evaluate')
  (output / 'metrics.json').write_text((inputs['train'] / 'state.txt').read_text())


def push(settings, inputs, output, console):
  CALLS.append('push')
  raise errors.ValidationError('sample 3 is off by 9')


def report(settings, inputs, output, console):
  CALLS.append('report')
  (output / 'report.html').write_text(' '.join(sorted(inputs)))


STOP_AT = [0]
EXTERNAL = ['a']
LIVE = [True]
LINE = (
  Stage(name='ingest', module=__name__, external=lambda _: {'files': EXTERNAL[0]}),
  Stage(name='train', module=__name__, inputs=('ingest',), is_resumable=True),
  Stage(name='evaluate', module=__name__, inputs=('train',), is_live=lambda _: LIVE[0]),
)


@pytest.fixture
def make(tmp_path):
  CALLS.clear()
  STOP_AT[0], EXTERNAL[0], LIVE[0] = 0, 'a', True

  def make(*flags, line=LINE):
    run, _ = parse([f'--run_dir={tmp_path}/run', '--train_steps=5', *flags])
    (tmp_path / 'run').mkdir(exist_ok=True)
    return Line(line, run, Console())

  return make


def run(line, names=''):
  CALLS.clear()
  line.execute(line.select(names))
  return list(CALLS)


def actions(line, names=''):
  return [step.action for step in line.plan(line.select(names))]


def test_runs_in_order_then_uses_the_cache(make):
  assert actions(make()) == ['run', 'run', 'run']
  assert run(make()) == ['ingest', 'train', 'evaluate']
  assert actions(make()) == ['cached', 'cached', 'cached']
  assert run(make()) == []


def test_the_manifest_lists_every_file_and_what_decided_it(make):
  line = make()
  run(line)
  manifest = artifacts.verify(line.folder / 'train')
  assert [entry['path'] for entry in manifest.files] == ['state.txt']
  assert manifest.config['train_steps'] == 5
  assert manifest.inputs['ingest'] == artifacts.verify(line.folder / 'ingest').digest
  assert {'tensorflow', 'python'} <= set(manifest.versions)


def test_a_changed_flag_runs_its_stage_and_what_depends_on_it(make):
  run(make())
  assert actions(make('--train_steps=6')) == ['cached', 'run', 'run']
  assert run(make('--train_steps=6')) == ['train', 'evaluate']


def test_an_input_that_comes_out_equal_does_not_run_its_readers(make):
  run(make())
  assert run(make('--num_shards=7')) == ['ingest']  # other settings, the same bytes


def test_a_changed_input_from_outside_runs_its_stage(make):
  run(make())
  EXTERNAL[0] = 'b'
  assert run(make()) == ['ingest']


def test_a_changed_source_file_runs_its_stage(make, monkeypatch):
  run(make())
  monkeypatch.setattr(stages.sources, 'source_digest', lambda module: 'other')
  line = make()
  assert actions(line)[0] == 'run'
  assert 'source changed' in line.plan(line.select(''))[0].reason


def test_a_changed_package_version_runs_its_stage(make, monkeypatch):
  run(make())
  monkeypatch.setattr(stages.platform, 'python_version', lambda: '9.9')
  line = make()
  assert 'python' in line.plan(line.select(''))[0].reason


def test_an_outside_effect_that_is_gone_runs_its_stage(make):
  run(make())
  LIVE[0] = False
  assert run(make()) == ['evaluate']


def test_what_is_replaced_is_kept(make):
  line = make()
  run(line)
  run(make('--train_steps=6'))
  assert (line.folder / 'superseded/train-1/state.txt').read_text() == '5'


def test_what_is_replaced_is_kept_beside_what_is_left_there(make):
  line = make()
  for steps in (5, 6, 7):
    run(make(f'--train_steps={steps}'))
  shutil.rmtree(line.folder / 'superseded/train-1')  # to have the space
  run(make('--train_steps=8'))
  kept = [line.folder / f'superseded/train-{number}/state.txt' for number in (2, 3)]
  assert [path.read_text() for path in kept] == ['6', '7']


def test_an_interrupted_stage_goes_on_where_it_stopped(make):
  STOP_AT[0] = 3
  with pytest.raises(errors.Interrupted):
    run(make())
  line = make()
  assert not (line.folder / 'train').exists()
  STOP_AT[0] = 4  # would stop again if it began anew and passed 3 only
  assert actions(line) == ['cached', 'resume', 'run']
  with pytest.raises(errors.Interrupted):
    run(line)
  STOP_AT[0] = 0
  run(make())
  assert (line.folder / 'train/state.txt').read_text() == '5'
  assert sorted(path.name for path in line.folder.iterdir()) == ['evaluate', 'ingest', 'train']


@pytest.mark.parametrize('moment', ['list_files', 'commit'])
def test_a_stage_that_is_stopped_while_it_is_committed_goes_on(make, monkeypatch, moment):
  def fail(*_):
    raise OSError(28, os.strerror(28))

  run(make(), 'ingest')
  with monkeypatch.context() as disk:
    disk.setattr(artifacts, moment, fail)
    with pytest.raises(OSError, match='No space left'):
      run(make(), 'train')
  STOP_AT[0] = 3  # would stop again if it began anew
  line = make()
  assert actions(line, 'train') == ['leave', 'resume', 'leave']
  run(line, 'train')
  assert artifacts.verify(line.folder / 'train').files[0]['path'] == 'state.txt'
  assert sorted(path.name for path in line.folder.iterdir()) == ['ingest', 'train']


def test_an_interrupted_try_of_other_settings_is_kept_but_not_continued(make):
  STOP_AT[0] = 3
  with pytest.raises(errors.Interrupted):
    run(make())
  STOP_AT[0] = 0
  line = make('--batch_size=16')
  run(line)
  assert (line.folder / 'superseded/train-1/state.txt').read_text() == '3'


def test_another_process_can_tell_whether_a_stage_is_done(make):
  line = make()
  assert not line.is_done(LINE[1])
  run(line)
  assert line.is_done(LINE[1])
  assert not make('--train_steps=6').is_done(LINE[1])


def test_another_process_of_the_same_settings_finds_a_stage_under_way(make):
  with pytest.raises(errors.ConfigError, match='is of other settings, data, source or versions'):
    make().under_way(LINE[1])
  STOP_AT[0] = 2
  with pytest.raises(errors.Interrupted):
    run(make())
  inputs, folder = make().under_way(LINE[1])
  assert (inputs['ingest'] / 'data.txt').is_file()
  assert (folder / 'state.txt').read_text() == '2'
  with pytest.raises(errors.ConfigError, match=r'\.train\.partial is of other settings'):
    make('--train_steps=6').under_way(LINE[1])


def test_stages_runs_only_those_and_names_what_is_missing(make):
  with pytest.raises(errors.ConfigError, match='Add ingest to --stages'):
    run(make(), 'train')
  assert run(make(), 'ingest') == ['ingest']
  assert run(make(), 'train, ingest') == ['train']
  with pytest.raises(errors.ConfigError, match='--stages=trian is not a stage'):
    make().select('trian')


@pytest.mark.parametrize('damage', ['flip', 'truncate', 'remove', 'add', 'manifest'])
def test_a_damaged_artifact_is_an_error_and_stays(make, damage):
  line = make()
  run(line)
  path = line.folder / 'ingest/data.txt'
  match damage:
    case 'flip':
      path.write_text('seed 1')
    case 'truncate':
      path.write_text('')
    case 'remove':
      path.unlink()
    case 'add':
      path.with_name('new.txt').write_text('x')
    case 'manifest':
      (line.folder / 'ingest/MANIFEST.json').write_text('{"stage": ')
  with pytest.raises(errors.ArtifactError) as caught:
    run(make())
  assert str(line.folder / 'ingest') in str(caught.value)
  assert CALLS == []
  assert (line.folder / 'train').is_dir()


def test_the_report_still_runs_after_a_failed_gate(make):
  line = make(
    line=(
      *LINE,
      Stage(name='push', module=__name__, inputs=('train',)),
      Stage(name='report', module=__name__, inputs=('train', 'push'), runs_after_failure=True),
    )
  )
  with pytest.raises(errors.ValidationError, match='sample 3'):
    line.execute(line.select(''))
  assert CALLS[-2:] == ['push', 'report']
  assert (line.folder / 'report/report.html').read_text() == 'train'
  assert not (line.folder / 'push').exists()


def test_two_runs_can_not_share_a_folder(make):
  line = make()
  with (
    run_folder.held(line.folder),
    pytest.raises(errors.StorageError, match='in use by another run'),
    run_folder.held(line.folder),
  ):
    pass


def test_a_run_folder_of_another_configuration_is_refused_unless_asked(make, tmp_path):
  line = make()
  run_folder.record(line.folder, line.run)
  run(line)
  other, invocation = parse([f'--run_dir={tmp_path}/run', '--batch_size=16'])
  with pytest.raises(errors.ConfigError, match=r'--batch_size=64 there, 16 now'):
    run_folder.check(line.folder, other, invocation)
  _, rerun = parse(['--on_config_change=rerun'])
  run_folder.check(line.folder, other, rerun)
  later, _ = parse([f'--run_dir={tmp_path}/run', '--train_steps=5', '--num_eval_images=500'])
  run_folder.check(line.folder, later, invocation)  # judges the same model anew


def test_a_folder_that_is_no_run_is_refused(make, tmp_path):
  (tmp_path / 'home').mkdir()
  (tmp_path / 'home/letter.txt').write_text('dear')
  run_config, invocation = parse([])
  with pytest.raises(errors.ConfigError, match='no run of forgeline'):
    run_folder.check(tmp_path / 'home', run_config, invocation)


@pytest.mark.parametrize('left', ['.lock', '.run.json.partial'])
def test_a_folder_of_a_process_that_was_killed_early_is_used(tmp_path, left):
  (tmp_path / left).touch()
  run_folder.check(tmp_path, parse([])[0], Invocation())


def test_a_damaged_run_json_is_an_artifact_error(make):
  line = make()
  run_folder.record(line.folder, line.run)
  run(line)
  (line.folder / 'run.json').write_text('{}')
  with pytest.raises(errors.ArtifactError, match=r'run\.json'):
    run_folder.check(line.folder, line.run, Invocation())


@pytest.mark.parametrize(
  'error',
  [
    OSError(28, os.strerror(28), 'x'),
    RuntimeError('RESOURCE_EXHAUSTED: train/ckpt; No space left on device'),
  ],
)
def test_a_full_disk_is_one_clear_line(tmp_path, error):
  with (
    pytest.raises(errors.StorageError, match='No space left on device'),
    artifacts.storage_errors(tmp_path),
  ):
    raise error


def test_other_errors_keep_their_type(tmp_path):
  with pytest.raises(KeyError), artifacts.storage_errors(tmp_path):
    raise KeyError('defect')


def test_replay_flags_give_the_same_run(make):
  line = make('--batch_size=16')
  run_folder.record(line.folder, line.run)
  assert parse([f'--flagfile={line.folder}/replay.flags'])[0] == line.run
  assert json.loads((line.folder / 'run.json').read_text())['train']['batch_size'] == 16
