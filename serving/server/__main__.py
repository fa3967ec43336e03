"""Command line: `python -m serving.server --model_name=digits --model_base_path=DIR`.

Flags are named and preset as those of `tensorflow_model_server`, except that the server listens on
this machine alone unless --host says otherwise. Exit codes: 0 after SIGTERM or SIGINT, 1 a port is
taken, 2 a flag is wrong, 255 the first version could not be loaded.
"""

import argparse
import asyncio
import dataclasses
import logging
import os
import sys
from collections.abc import Sequence

from serving.server import ports
from serving.server.options import Options, StartError

_HELP = {
  'host': 'address to listen on (tensorflow_model_server has 0.0.0.0 and no such flag)',
  'port': 'for gRPC; 0 is off',
  'rest_api_port': 'for HTTP; 0 is off',
  'rest_api_timeout_in_ms': 'for a REST call; 0 for none',
  'rest_api_num_threads': 'that parse and compute REST calls',
  'grpc_max_threads': 'that compute gRPC calls',
  'model_name': 'by which clients call the model',
  'model_base_path': 'folder with one folder for each version, named by its number (required)',
  'file_system_poll_wait_seconds': 'between looks for new versions; 0 looks once, below 0 never',
  'max_num_load_retries': 'of a version that fails to load',
  'load_retry_interval_micros': 'between these tries',
  'enable_model_warmup': 'answer assets.extra/tf_serving_warmup_requests before taking traffic',
}


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the server; returns the exit code."""
  options = parse(arguments)
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  logging.basicConfig(level=logging.INFO, format='%(asctime)s %(levelname).1s %(message)s')
  try:
    for port in (options.port, options.rest_api_port):
      ports.check_free(options.host, port)
    from serving.server import lifetime  # here, because TensorFlow takes seconds to import

    logging.getLogger('tensorflow').setLevel(logging.ERROR)
    asyncio.run(lifetime.serve(options))
  except StartError as error:
    print(error, file=sys.stderr)
    return error.exit_code
  return 0


def parse(arguments: Sequence[str] | None) -> Options:
  """The options that flags ask for; unknown flags are printed and passed over, as TF Serving does.

  Raises:
    SystemExit: 2, a flag is wrong.
  """
  parser = argparse.ArgumentParser(prog='python -m serving.server', allow_abbrev=False)
  for field in dataclasses.fields(Options):
    text = f'{_HELP[field.name]} (default: {field.default!r})'
    flag = f'--{field.name}'
    if field.type is bool:
      parser.add_argument(
        flag, type=_boolean, default=field.default, help=text, nargs='?', const=True
      )
    else:
      parser.add_argument(flag, type=type(field.default), default=field.default, help=text)
  values, unknown = parser.parse_known_args(arguments)
  for flag in unknown:
    print(f'unknown flag: {flag} (ignored)', file=sys.stderr)
  if not values.model_base_path:
    parser.error('--model_base_path is missing. Name the folder that the pipeline pushed to.')
  return Options(**vars(values))


def _boolean(text: str) -> bool:
  if text.lower() not in ('true', 'false', '1', '0'):
    raise argparse.ArgumentTypeError(f'{text!r} is neither true nor false')
  return text.lower() in ('true', '1')


if __name__ == '__main__':
  sys.exit(main())
