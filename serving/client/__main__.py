"""Asks a server for pictures, states, signatures and speed.

  python -m serving.client generate --label=7 --count=16 --out=sevens.png
  python -m serving.client status --wait_s=60
  python -m serving.client metadata --protocol=rest
  python -m serving.client bench --label=7 --num_requests=200 --concurrency=4

Exit codes: 0 done; 1 a defect of forgeline; 2 a flag or request that can't work; 3 no such model,
version, version label or signature; 4 no connection; 5 no answer in time; 6 --out can't be written;
7 the server refuses, failed, or is no TensorFlow Serving; 130 Ctrl-C.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from serving.client import commands
from serving.client.errors import ClientError
from serving.client.transports import PROTOCOLS

_PORTS = {'grpc': 8500, 'rest': 8501}
_INTERRUPTED_EXIT_CODE = 130


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs one command; returns the exit code."""
  options = parse(arguments)
  try:
    options.run(options)
  except ClientError as error:
    print(f'{type(error).__name__}: {error}', file=sys.stderr)
    return error.exit_code
  except KeyboardInterrupt:
    return _INTERRUPTED_EXIT_CODE
  return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """The flags; `run` is the command.

  Raises:
    SystemExit: 2, a flag is wrong.
  """
  parser = argparse.ArgumentParser(
    'python -m serving.client',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  shared, labels = _shared(), _labels()
  names = parser.add_subparsers(title='commands', required=True, metavar='COMMAND')

  generate = names.add_parser('generate', parents=[shared, labels], help='Make pictures.')
  generate.add_argument('--count', type=int, default=10, help='Pictures of each label.')
  generate.add_argument('--seed', type=int64, default=0, help='Of the first; the next has +1.')
  generate.add_argument(
    '--out', type=pathlib.Path, required=True, help='A .png or .npz file, or a folder.'
  )
  generate.set_defaults(run=commands.generate)

  status = names.add_parser('status', parents=[shared], help='The states of all versions.')
  status.add_argument('--wait_s', type=float, default=0, help='Wait until the model is available.')
  status.set_defaults(run=commands.status)

  metadata = names.add_parser('metadata', parents=[shared], help='The signatures of a version.')
  metadata.set_defaults(run=commands.metadata)

  bench = names.add_parser('bench', parents=[shared, labels], help='Latency and images a second.')
  bench.add_argument('--num_requests', type=int, default=200, help='How many, after a first one.')
  bench.add_argument('--batch_size', type=int, default=1, help='Pictures a request.')
  bench.add_argument('--concurrency', type=int, default=1, help='Requests under way at a time.')
  bench.set_defaults(run=commands.bench)

  options = parser.parse_args(arguments)
  options.address = options.address or f'localhost:{_PORTS[options.protocol]}'
  return options


def _shared() -> argparse.ArgumentParser:
  """Where the server is and which model is meant."""
  parser = argparse.ArgumentParser(add_help=False)
  parser.add_argument(
    '--address', help='host:port (default: localhost, 8500 for grpc and 8501 for rest).'
  )
  parser.add_argument('--protocol', choices=PROTOCOLS, default='grpc')
  parser.add_argument('--model_name', default='digits')
  parser.add_argument('--version', type=int, help='Default: the newest.')
  parser.add_argument('--version_label', help='Instead of a version, such as stable.')
  parser.add_argument('--timeout_s', type=float, default=30.0, help='For a whole call.')
  parser.add_argument(
    '--tls', action='store_true', help='TLS, with a certificate of a public authority.'
  )
  parser.add_argument('--ca_cert', help='PEM file of whom to trust; turns TLS on.')
  parser.add_argument('--client_cert', help='PEM file, for mutual TLS.')
  parser.add_argument('--client_key', help='PEM file, for mutual TLS.')
  return parser


def _labels() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(add_help=False)
  parser.add_argument(
    '--label', type=_integers, default=(), help='Such as 7 or 3,8, for a conditional model.'
  )
  return parser


def int64(text: str) -> int:
  """A number of 64 bits; argparse tells people this name of what they should have typed."""
  number = int(text)
  if not -(2**63) <= number < 2**63:
    raise ValueError(f'{text} does not fit 64 bits')
  return number


def _integers(text: str) -> tuple[int, ...]:
  try:
    return tuple(int64(word) for word in text.split(','))
  except ValueError:
    raise argparse.ArgumentTypeError(f'{text!r} is no list of numbers such as 3,8') from None


if __name__ == '__main__':
  sys.exit(main())
