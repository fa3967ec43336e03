import pytest

from pipeline import errors
from pipeline.config.flagfile import to_flagfile
from pipeline.config.flags import parse
from pipeline.config.run import RunConfig


def test_flagfile_replays_the_configuration():
  run, _ = parse(['--batch_size=48', '--r1_gamma=0.25', '--deterministic', '--seed=7'])
  lines = to_flagfile(run, 'comment').splitlines()
  assert parse([line for line in lines if not line.startswith('#')])[0] == run


def test_the_last_value_wins_over_the_flagfile(tmp_path):
  (tmp_path / 'a.flags').write_text('--batch_size=32\n--train_steps=10\n')
  run, _ = parse([f'--flagfile={tmp_path}/a.flags', '--batch_size=16'])
  assert (run.train.batch_size, run.train.train_steps) == (16, 10)


def test_nested_flagfiles_resolve_beside_the_file_that_names_them(tmp_path, monkeypatch):
  (tmp_path / 'sub').mkdir()
  (tmp_path / 'sub/base.flags').write_text('# comment\n  # another\n--batch_size=32\n')
  (tmp_path / 'sub/top.flags').write_text('--flagfile=base.flags\n\n--train_steps=10\n')
  monkeypatch.chdir(tmp_path)
  run, _ = parse(['--flagfile', 'sub/top.flags'])
  assert (run.train.batch_size, run.train.train_steps) == (32, 10)


def test_a_flagfile_that_includes_itself_is_refused(tmp_path):
  (tmp_path / 'a.flags').write_text('--flagfile=a.flags\n')
  with pytest.raises(errors.ConfigError, match='includes itself'):
    parse([f'--flagfile={tmp_path}/a.flags'])


def test_a_default_parsed_again_is_the_same_text():
  run, _ = parse([])
  assert to_flagfile(run, '') == to_flagfile(RunConfig(), '')
