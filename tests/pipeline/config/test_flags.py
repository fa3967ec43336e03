import dataclasses

import hypothesis
import pytest
from hypothesis import strategies as st

from pipeline import errors
from pipeline.config.flags import parse


def test_every_flag_has_help_and_a_default_that_passes_its_own_check():
  run, invocation = parse([])
  for owner in (*vars(run).values(), invocation):
    if dataclasses.is_dataclass(owner):
      assert all(field.metadata['help'] for field in dataclasses.fields(owner))


@pytest.mark.parametrize(
  ('argument', 'message'),
  [
    ('--no_such_flag=1', 'no_such_flag'),
    ('--batch_size=many', 'batch_size=many'),
    ('--nospectral_norm=1', 'nospectral_norm=1 does not take an argument'),
    ('--batch_size=0', '--batch_size=0 .TrainConfig. is too small. Choose 1 or more'),
    ('--r1_gamma=nan', 'is not a finite number'),
    ('--generator_learning_rate=inf', 'is not a finite number'),
    ('--profile_steps=20:10', 'Write it as 100:120'),
    ('--xla=maybe', 'Choose one of: auto, on, off'),
    ('--num_channels=2', 'Choose 1 or 3'),
    ('--data_dir=digits', 'is not read by --dataset=mnist_sample'),
    ('--dataset=image_folder', 'Name their folder with --data_dir'),
    ('--model_name=../up', 'Use letters, digits'),
    ('--quantization=int4', 'Choose one of: ptq, qat, dynamic, float16, none'),
    ('--flagfile=no/such.flags', 'No such file'),
    ('positional', 'is not a flag'),
  ],
)
def test_bad_settings_are_one_clear_line(argument, message):
  with pytest.raises(errors.ConfigError, match=message) as caught:
    parse([argument])
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('quantization', ['qat', 'float16', 'none'])
def test_compression_is_refused_where_it_would_break_a_promise(quantization):
  with pytest.raises(errors.ConfigError, match='Choose --quantization=ptq or dynamic'):
    parse([f'--quantization={quantization}', '--compression=prune'])


@hypothesis.settings(deadline=None, derandomize=True)
@hypothesis.given(st.text(max_size=40))
def test_any_argument_parses_or_is_a_config_error(text):
  try:
    parse([text])
  except errors.ConfigError as error:
    assert str(error)  # noqa: PT017 - parsing may also succeed
