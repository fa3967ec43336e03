"""One command from raw images to a pushed generator.

  python -m pipeline.run --flagfile=configs/quickstart.flags

With TF_CONFIG set, the same command on every machine trains on all of them together.

Exit codes: 0 done; 1 a defect of forgeline; 2 settings; 3 source data; 4 training; 5 a gate or
golden comparison failed, nothing was pushed; 6 storage; 7 a damaged artifact; 42 interrupted, the
same command goes on.
"""

import logging
import os
import sys
from collections.abc import Sequence

from pipeline import errors, native_log, run_folder, signals, summary, worker
from pipeline.artifacts import storage_errors
from pipeline.config import flags
from pipeline.config.run import Invocation, RunConfig
from pipeline.console import Console
from pipeline.line import STAGES
from pipeline.stages import Line


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the line; returns the exit code."""
  arguments = list(sys.argv[1:] if argv is None else argv)
  if {'--help', '-h', '--helpfull'} & set(arguments):
    _print_help()
    return 0
  # TensorFlow's chatter, set before anything imports it; its errors reach us as exceptions.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  os.environ.setdefault('TF_USE_LEGACY_KERAS', '1')  # else it imports Keras 3 as well
  logging.getLogger('tensorflow').setLevel(logging.ERROR)
  try:
    with signals.handled_by_raising():
      _run(*flags.parse(arguments), Console())
  except errors.ForgelineError as error:
    print(f'{type(error).__name__}: {error}', file=sys.stderr)
    return error.exit_code
  return 0


def _print_help() -> None:
  try:
    print(f'{__doc__}\n{flags.help_text()}', flush=True)
  except BrokenPipeError:  # the reader, such as `head`, has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(run: RunConfig, invocation: Invocation, console: Console) -> None:
  line = Line(STAGES, run, console)
  selected = line.select(invocation.stages)
  member = worker.role()
  with storage_errors(line.folder):
    run_folder.check(line.folder, run, invocation)
    if member and not invocation.dry_run:
      worker.take_part(member, line, selected, console)
      return
    summary.show_plan(console, line, selected)
    if invocation.dry_run:
      return
    with run_folder.held(line.folder), native_log.redirected(line.folder / 'native.log'):
      run_folder.record(line.folder, run)
      try:
        line.execute(selected)
      except errors.ValidationError:  # the figures tell why
        summary.show_result(console, line.folder)
        raise
      summary.show_result(console, line.folder)


if __name__ == '__main__':
  sys.exit(main())
