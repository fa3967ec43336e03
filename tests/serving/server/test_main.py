import os
import socket

import pytest

from serving.server.__main__ import main
from serving.server.flags import parse

BASE = '--model_base_path=somewhere'


def test_defaults_are_tf_servings():
  options = parse([BASE])
  assert (options.port, options.rest_api_port, options.rest_api_timeout_in_ms) == (8500, 0, 30_000)
  assert (options.model_name, options.model_base_path) == ('default', 'somewhere')
  assert options.file_system_poll_wait_seconds == 1
  assert (options.max_num_load_retries, options.load_retry_interval_micros) == (5, 60_000_000)
  assert options.enable_model_warmup
  assert options.grpc_max_threads == options.rest_api_num_threads == 4 * os.cpu_count()
  assert options.host == '127.0.0.1'  # not TF Serving's
  assert options.enable_profiler
  assert options.saved_model_tags == 'serve'
  off = {
    'enable_batching',
    'enable_per_model_batching_parameters',
    'allow_version_labels_for_unavailable_models',
    'xla_cpu_compilation_enabled',
    'enable_signature_method_name_check',
    'enable_grpc_healthcheck_service',
    'enable_serialization_as_tensor_content',
    'prefer_tflite_model',
    'rest_api_enable_cors_support',
    'model_config_file_poll_wait_seconds',
    'num_request_iterations_for_warmup',
    'tensorflow_session_parallelism',
  }
  assert not [name for name in sorted(off) if getattr(options, name)]


@pytest.mark.parametrize(
  ('flag', 'value'),
  [
    ('--enable_model_warmup', True),
    ('--enable_model_warmup=true', True),
    ('--enable_model_warmup=1', True),
    ('--enable_model_warmup=false', False),
    ('--enable_model_warmup=0', False),
  ],
)
def test_booleans(flag: str, value: bool):
  assert parse([BASE, flag]).enable_model_warmup is value


def test_unknown_flags_are_printed(capsys: pytest.CaptureFixture):
  assert parse([BASE, '--port=1', '--some_future_flag=7', '--por=2']).port == 1
  assert capsys.readouterr().err == (
    'unknown flag: --some_future_flag=7 (ignored)\nunknown flag: --por=2 (ignored)\n'
  )


def test_flags_that_change_nothing_say_so(capsys: pytest.CaptureFixture):
  parse([BASE, '--num_load_threads=2', '--use_alts_credentials=false'])
  assert capsys.readouterr().err == (
    '--num_load_threads=2 changes nothing: each model loads in a thread of its own\n'
    '--use_alts_credentials=false changes nothing: it is off\n'
  )


def test_version(capsys: pytest.CaptureFixture):
  with pytest.raises(SystemExit, match='0'):
    parse(['--version'])
  said = capsys.readouterr().out
  assert said.startswith('TensorFlow ModelServer: ')
  assert '\nTensorFlow Library: 2.' in said


def test_configuration_file_stands_for_a_model():
  assert parse(['--model_config_file=x']).model_config_file == 'x'


@pytest.mark.parametrize(
  'flags',
  [
    [BASE, '--port=x'],
    [BASE, '--port=65536'],
    [BASE, '--rest_api_port=-1'],
    [BASE, '--grpc_max_threads=0'],
    [BASE, '--rest_api_num_threads=0'],
    [BASE, '--enable_model_warmup=maybe'],
    [BASE, '--use_alts_credentials'],
    [BASE, '--platform_config_file=x'],
  ],
)
def test_wrong_flags_end_with_2(flags: list[str], capsys: pytest.CaptureFixture):
  with pytest.raises(SystemExit, match='2'):
    parse(flags)
  assert 'Traceback' not in capsys.readouterr().err


@pytest.mark.parametrize(
  ('flags', 'said'),
  [
    ([], 'Both server_options.model_base_path and server_options.model_config_file are empty!'),
    (
      [BASE, '--batching_parameters_file=x'],
      'server_options.batching_parameters_file is set without setting'
      ' server_options.enable_batching to true.',
    ),
  ],
)
def test_no_model_and_contradictions_end_as_tf_serving_does(
  flags: list[str], said: str, capsys: pytest.CaptureFixture
):
  assert main(flags) == 255
  printed = capsys.readouterr()
  assert printed.out.startswith(f'Failed to start server. Error: INVALID_ARGUMENT: {said}')
  assert printed.out == printed.err
  assert printed.out.count('\n') == 1


def test_one_port_for_both_protocols_is_grpcs(capsys: pytest.CaptureFixture):
  options = parse([BASE, '--port=7000', '--rest_api_port=7000'])
  assert (options.port, options.rest_api_port) == (7000, 0)
  assert 'http_port cannot be same as grpc_port' in capsys.readouterr().err
  assert parse([BASE, '--port=0', '--rest_api_port=0']).rest_api_port == 0
  assert not capsys.readouterr().err


@pytest.mark.parametrize('flag', ['port', 'rest_api_port'])
def test_taken_port_is_one_line_and_1(flag: str, capsys: pytest.CaptureFixture):
  with socket.create_server(('127.0.0.1', 0)) as other:
    number = other.getsockname()[1]
    assert main([BASE, '--port=0', f'--{flag}={number}']) == 1
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 1
  assert f'127.0.0.1:{number}: Address already in use' in lines[0]
  assert f'--{flag}' in lines[0]
