"""Command line: `python -m mobile.micro --bundle=FOLDER`.

Runs generator_i8.tflite of a bundle in TFLite Micro and prints the arena and the operations that a
firmware needs, and how far the pictures are from LiteRT's. TFLite Micro lives in an environment of
its own; where there is none, the command says how to make it.

Exit codes: 0 done, 2 a flag is wrong or the environment is missing, 5 the pictures are wrong,
7 the model can't be run.
"""

import argparse
import pathlib
import shlex
import sys
from collections.abc import Sequence

from mobile.micro import check

MAX_STEPS_OFF = 1
_PYTHON = pathlib.Path('.venv-micro/bin/python')
_REQUIREMENTS = pathlib.Path(__file__).with_name('requirements.txt')
MAKE_ENVIRONMENT = (
  f'python3 -m venv .venv-micro && .venv-micro/bin/pip install -r {shlex.quote(str(_REQUIREMENTS))}'
)


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the check; returns the exit code."""
  parser = argparse.ArgumentParser(
    prog='python -m mobile.micro',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--bundle', type=pathlib.Path, required=True, help='folder of the files')
  parser.add_argument(
    '--python', type=pathlib.Path, default=_PYTHON, help='interpreter that has tflite-micro'
  )
  options = parser.parse_args(arguments)
  if not options.python.is_file():
    print(f'{options.python} is not there (micro). Make it: {MAKE_ENVIRONMENT}', file=sys.stderr)
    return 2
  try:
    result = check.check(options.bundle, options.python)
  except check.MicroError as error:
    print(error, file=sys.stderr)
    return 7
  _show(result)
  return 0 if result.from_litert.steps <= MAX_STEPS_OFF else 5


def _show(result: check.Result) -> None:
  print(f'arena: {result.arena_bytes:,} bytes at least')
  print(f"from LiteRT's own kernels: {_written(result.from_litert)}")
  print(f'from golden.json, made with XNNPACK: {_written(result.from_golden)}')
  print(f'\nMicroMutableOpResolver<{len(result.operations)}> resolver;')
  for operation in result.operations:
    print(f'resolver.{_resolver_method(operation)}();')


def _written(distance: check.Distance) -> str:
  if not distance.share:
    return 'no pixel off'
  return (
    f"{distance.share:.2%} of pixels off, at most {distance.steps} of the model's levels,"
    f' {distance.levels} grey levels'
  )


def _resolver_method(operation: str) -> str:
  """DEPTH_TO_SPACE is AddDepthToSpace, CONV_2D is AddConv2D."""
  parts = operation.split('_')
  return 'Add' + ''.join(part if part[0].isdigit() else part.capitalize() for part in parts)


if __name__ == '__main__':
  sys.exit(main())
