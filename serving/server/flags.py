"""Flags to options: every flag of `tensorflow_model_server` is known by its name."""

import argparse
import dataclasses
import importlib.metadata
import sys
from collections.abc import Sequence

from serving.server.errors import invalid
from serving.server.options import Options, start_failed

_HELP = {
  'host': 'address to listen on (tensorflow_model_server has 0.0.0.0 and no such flag)',
  'port': 'for gRPC; 0 is off',
  'grpc_socket_path': 'UNIX socket for gRPC, beside the port',
  'grpc_max_threads': 'that compute gRPC calls',
  'grpc_channel_arguments': 'for the gRPC library: name=value,name=value',
  'ssl_config_file': 'text proto SSLConfig: gRPC takes TLS only; REST stays plain',
  'rest_api_port': 'for HTTP; 0 is off',
  'rest_api_num_threads': 'that parse and compute REST calls',
  'rest_api_timeout_in_ms': 'for a REST call; 0 for none',
  'rest_api_enable_cors_support': 'lets web pages of any origin call REST',
  'model_name': 'by which clients call the model',
  'model_base_path': 'folder with one folder for each version, named by its number',
  'model_config_file': 'text proto ModelServerConfig: several models, version policies, labels;'
  ' wins over --model_name and --model_base_path',
  'model_config_file_poll_wait_seconds': 'between looks at that file; 0 reads it once',
  'file_system_poll_wait_seconds': 'between looks for new versions; 0 looks once, below 0 never',
  'max_num_load_retries': 'of a version that fails to load',
  'load_retry_interval_micros': 'between these tries',
  'allow_version_labels_for_unavailable_models': 'new labels may name a version not yet loaded',
  'saved_model_tags': 'of the graph to load, divided by commas',
  'prefer_tflite_model': "serves a version's model.tflite, where there is one",
  'enable_model_warmup': 'answer assets.extra/tf_serving_warmup_requests before taking traffic',
  'num_request_iterations_for_warmup': 'how often each record is answered, if above 0',
  'enable_batching': 'computes requests of several clients together',
  'batching_parameters_file': 'text proto BatchingParameters',
  'enable_per_model_batching_parameters': "reads batching_params.pbtxt in a version's folder",
  'tensorflow_session_parallelism': 'threads inside and between operations; 0 is auto',
  'tensorflow_intra_op_parallelism': 'threads inside an operation; 0 is auto',
  'tensorflow_inter_op_parallelism': 'threads between operations; 0 is auto',
  'xla_cpu_compilation_enabled': 'lets graphs compile themselves with XLA',
  'enable_signature_method_name_check': 'Predict, Classify and Regress look at method_name',
  'enable_serialization_as_tensor_content': 'gRPC outputs in tensor_content',
  'monitoring_config_file': 'text proto MonitoringConfig: Prometheus metrics at the REST port',
  'enable_gallery': 'a page to try the models with, at / of the REST port (no flag of'
  ' tensorflow_model_server)',
  'enable_grpc_healthcheck_service': 'serves grpc.health.v1.Health',
  'enable_profiler': 'serves tensorflow.ProfilerService',
}
_RANGES = {
  'port': range(2**16),
  'rest_api_port': range(2**16),
  'grpc_max_threads': range(1, 2**16),
  'rest_api_num_threads': range(1, 2**16),
}
_WITHOUT_EFFECT = {  # flag -> why it changes nothing here
  'per_process_gpu_memory_fraction': 'models run on the CPU',
  'num_load_threads': 'each model loads in a thread of its own',
  'num_unload_threads': 'each model unloads in a thread of its own',
  'flush_filesystem_caches': "the system's cache is left alone",
  'remove_unused_fields_from_bundle_metagraph': 'a Python process keeps these fields',
  'xla_gpu_compilation_enabled': 'models run on the CPU',
  'num_tflite_pools': 'interpreters are made as they are needed',
  'num_tflite_interpreters_per_pool': 'interpreters are made as they are needed',
  'thread_pool_factory_config_file': 'TensorFlow has its own threads',
  'skip_initialize_tpu': 'models run on the CPU',
  'tensorflow_session_config_file': 'sessions have their defaults',
}
_REFUSED = {  # flag -> why going on without it would be wrong
  'use_alts_credentials': 'ALTS works on Google Cloud alone. Use --ssl_config_file.',
  'platform_config_file': 'It would replace what other flags say. Use those flags.',
  'mixed_precision': 'It would change numbers. Export the model in that precision.',
}
_EXIT_CODES = (
  'Exit codes: 0 after SIGTERM or SIGINT, 1 a port is taken, 2 a flag is wrong, 255 flags'
  ' contradict each other, a configuration file is wrong or a model could not be loaded.'
)
_NO_MODEL = 'Both server_options.model_base_path and server_options.model_config_file are empty!'
_NO_BATCHING = (
  'server_options.batching_parameters_file is set without setting server_options.enable_batching'
  ' to true.'
)
_ONE_PORT = 'server_options.http_port cannot be same as grpc_port.'


def parse(arguments: Sequence[str] | None) -> Options:
  """The options that flags ask for; unknown flags are printed and passed over, as TF Serving does.

  Raises:
    StartError: 255, as TF Serving words it: no model is named, or flags contradict each other.
    SystemExit: 2, a flag is wrong; 0 after --version.
  """
  parser = _parser()
  values, unknown = parser.parse_known_args(arguments)
  if values.version:
    print(_version())
    parser.exit()
  for name, numbers in _RANGES.items():
    if (value := getattr(values, name)) not in numbers:
      parser.error(f'--{name}={value} is not between {numbers[0]} and {numbers[-1]}')
  for flag in unknown:
    print(_note(parser, flag), file=sys.stderr)
  if values.port and values.port == values.rest_api_port:
    print(f'{_ONE_PORT} Choose another --rest_api_port: REST is not served.', file=sys.stderr)
    values.rest_api_port = 0
  options = Options(**{field.name: getattr(values, field.name) for field in _FIELDS})
  if not (options.model_base_path or options.model_config_file):
    why = f'{_NO_MODEL} Name the folder that the pipeline pushed to: --model_base_path=DIR'
    raise start_failed(invalid(why))
  if options.batching_parameters_file and not options.enable_batching:
    raise start_failed(invalid(_NO_BATCHING))
  return options


_FIELDS = dataclasses.fields(Options)


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='python -m serving.server', epilog=_EXIT_CODES, allow_abbrev=False
  )
  for field in _FIELDS:
    text = f'{_HELP[field.name]} (default: {field.default!r})'
    flag = f'--{field.name}'
    if field.type is bool:
      parser.add_argument(
        flag, type=_boolean, default=field.default, help=text, nargs='?', const=True
      )
    else:
      parser.add_argument(flag, type=type(field.default), default=field.default, help=text)
  parser.add_argument('--version', action='store_true', help="print TensorFlow's version and end")
  return parser


def _note(parser: argparse.ArgumentParser, flag: str) -> str:
  name, _, value = flag.removeprefix('--').partition('=')
  if name in _REFUSED and value.lower() not in ('false', '0'):
    parser.error(f'--{name} is not for this server: {_REFUSED[name]}')
  if name in _WITHOUT_EFFECT or name in _REFUSED:
    return f'{flag} changes nothing: {_WITHOUT_EFFECT.get(name, "it is off")}'
  return f'unknown flag: {flag} (ignored)'


def _version() -> str:
  server, library = map(importlib.metadata.version, ('forgeline', 'tensorflow'))
  return f'TensorFlow ModelServer: {server}\nTensorFlow Library: {library}'


def _boolean(text: str) -> bool:
  if text.lower() not in ('true', 'false', '1', '0'):
    raise argparse.ArgumentTypeError(f'{text!r} is neither true nor false')
  return text.lower() in ('true', '1')
