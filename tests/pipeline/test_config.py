import dataclasses

import hypothesis
import pytest
from hypothesis import strategies as st

from pipeline import config, errors


def test_every_flag_has_help_and_a_default_that_passes_its_own_check():
  run, invocation = config.parse([])
  for owner in (*vars(run).values(), invocation):
    if dataclasses.is_dataclass(owner):
      assert all(field.metadata['help'] for field in dataclasses.fields(owner))


def test_flagfile_replays_the_configuration():
  run, _ = config.parse(['--batch_size=48', '--r1_gamma=0.25', '--deterministic', '--seed=7'])
  lines = config.to_flagfile(run, 'comment').splitlines()
  assert config.parse([line for line in lines if not line.startswith('#')])[0] == run


def test_json_round_trip():
  run, _ = config.parse(['--network=dcgan', '--loss=non_saturating'])
  assert config.from_json(config.to_json(run)) == run


def test_the_last_value_wins_over_the_flagfile(tmp_path):
  (tmp_path / 'a.flags').write_text('--batch_size=32\n--train_steps=10\n')
  run, _ = config.parse([f'--flagfile={tmp_path}/a.flags', '--batch_size=16'])
  assert (run.train.batch_size, run.train.train_steps) == (16, 10)


def test_nested_flagfiles_resolve_beside_the_file_that_names_them(tmp_path, monkeypatch):
  (tmp_path / 'sub').mkdir()
  (tmp_path / 'sub/base.flags').write_text('# comment\n  # another\n--batch_size=32\n')
  (tmp_path / 'sub/top.flags').write_text('--flagfile=base.flags\n\n--train_steps=10\n')
  monkeypatch.chdir(tmp_path)
  run, _ = config.parse(['--flagfile', 'sub/top.flags'])
  assert (run.train.batch_size, run.train.train_steps) == (32, 10)


def test_a_flagfile_that_includes_itself_is_refused(tmp_path):
  (tmp_path / 'a.flags').write_text('--flagfile=a.flags\n')
  with pytest.raises(errors.ConfigError, match='includes itself'):
    config.parse([f'--flagfile={tmp_path}/a.flags'])


@pytest.mark.parametrize(
  ('argument', 'message'),
  [
    ('--no_such_flag=1', 'no_such_flag'),
    ('--batch_size=many', 'batch_size=many'),
    ('--batch_size=0', '--batch_size=0 .TrainConfig. is too small. Choose 1 or more'),
    ('--r1_gamma=nan', 'is not a number'),
    ('--profile_steps=20:10', 'Write it as 100:120'),
    ('--xla=maybe', 'Choose one of: auto, on, off'),
    ('--num_channels=2', 'Choose 1 or 3'),
    ('--dataset=image_folder', 'Name their folder with --data_dir'),
    ('--model_name=../up', 'Use letters, digits'),
    ('--quantization=int4', 'Choose one of: ptq, qat, dynamic, float16, none'),
    ('--flagfile=no/such.flags', 'No such file'),
    ('positional', 'is not a flag'),
  ],
)
def test_bad_settings_are_one_clear_line(argument, message):
  with pytest.raises(errors.ConfigError, match=message) as caught:
    config.parse([argument])
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('quantization', ['qat', 'float16', 'none'])
def test_compression_is_refused_where_it_would_break_a_promise(quantization):
  with pytest.raises(errors.ConfigError, match='Choose --quantization=ptq or dynamic'):
    config.parse([f'--quantization={quantization}', '--compression=prune'])


@hypothesis.given(st.text(max_size=40))
def test_any_argument_parses_or_is_a_config_error(text):
  try:
    config.parse([text])
  except errors.ConfigError as error:
    assert str(error)  # noqa: PT017 - parsing may also succeed


def test_settings_that_only_say_where_or_how_fast_decide_nothing():
  plain, moved = config.IngestConfig(), config.IngestConfig(data_dir='x', num_ingest_workers=3)
  assert config.deciding(plain) == config.deciding(moved)
  assert config.deciding(plain) != config.deciding(config.IngestConfig(seed=1))


def test_a_default_parsed_again_is_the_same_text():
  run, _ = config.parse([])
  assert config.to_flagfile(run, '') == config.to_flagfile(config.RunConfig(), '')
