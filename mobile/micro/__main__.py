"""Command line: `python -m mobile.micro --bundle=FOLDER`.

Runs generator_i8.tflite of a bundle in TFLite Micro and prints the arena and the operations that a
firmware needs, and how far the pictures are from LiteRT's: at most one of the model's levels from
those of LiteRT's own kernels, at most 16 grey levels from golden.json, or the command fails. TFLite
Micro lives in an environment of its own; where there is none, the command says how to make it.

Exit codes: 0 done, 2 a flag is wrong or the environment is missing, 5 the pictures are wrong,
7 the model can't be run.
"""

import argparse
import pathlib
import shlex
import shutil
import sys
from collections.abc import Sequence

from mobile.micro import check

MAX_STEPS_OFF = 1  # from LiteRT's own kernels, whose rounding TFLite Micro shares
# From golden.json, made with XNNPACK, which rounds otherwise: 3 to 10 in networks that hold. A
# latent whose codes are all off by one comes to 48 and more, a wrong label to 250.
MAX_LEVELS_OFF = 16
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
  if not shutil.which(options.python):
    print(f'{options.python} is no program (micro). Make it: {MAKE_ENVIRONMENT}', file=sys.stderr)
    return 2
  try:
    result = check.check(options.bundle, options.python)
  except check.MicroError as error:
    print(error, file=sys.stderr)
    return 7
  _show(result)
  problems = _problems(result)
  for problem in problems:
    print(
      f'The pictures are {problem} (micro).'
      ' Do not ship this model; mobile/micro/README.md tells which networks hold.',
      file=sys.stderr,
    )
  return 5 if problems else 0


def _problems(result: check.Result) -> list[str]:
  """In what the pictures are too far off."""
  problems = []
  if (steps := result.from_litert.steps) > MAX_STEPS_OFF:
    problems.append(f"{steps} of the model's levels from LiteRT's, more than {MAX_STEPS_OFF}")
  if (levels := result.from_golden.levels) > MAX_LEVELS_OFF:
    problems.append(f'{levels} grey levels from golden.json, more than {MAX_LEVELS_OFF}')
  return problems


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
