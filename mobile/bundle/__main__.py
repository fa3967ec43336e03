"""Command line: `python -m mobile.bundle --run_dir=RUN [--out=FOLDER]`.

Writes the bundle of a finished run: the .tflite files, golden.json, golden.png, bundle.json (every
figure) and a README.md that shows them. A folder that is such a bundle is replaced, no other.

Exit codes: 0 done, 2 a flag is wrong or the folder holds something else, 5 the run failed its gate
or its validation, 6 the folder can't be written, 7 a file is missing or damaged.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from mobile import native_log
from mobile.bundle import assembly
from pipeline import artifacts, errors, push

_STAGES = ('evaluate', 'export_tflite', 'validate')


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit code."""
  parser = argparse.ArgumentParser(
    prog='python -m mobile.bundle',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--run_dir', type=pathlib.Path, required=True, help='a finished run')
  parser.add_argument('--out', type=pathlib.Path, help='folder to make; RUN/bundle by default')
  options = parser.parse_args(arguments)
  run_dir = options.run_dir.expanduser()
  try:
    _write(run_dir, options.out.expanduser() if options.out else run_dir / 'bundle')
  except errors.ForgelineError as error:
    print(f'{type(error).__name__}: {error}', file=sys.stderr)
    return error.exit_code
  return 0


def _write(run_dir: pathlib.Path, out: pathlib.Path) -> None:
  inputs = {stage: run_dir / stage for stage in _STAGES}
  _check(inputs, run_dir)
  try:
    with native_log.caught():  # latencies are measured with the interpreter
      facts = assembly.assemble(
        inputs['export_tflite'], inputs['validate'] / 'validation.json', out
      )
  except assembly.BundleError as error:
    raise errors.ArtifactError(str(error)) from error
  except assembly.OccupiedError as error:
    raise errors.ConfigError(str(error)) from error
  except OSError as error:
    raise errors.StorageError(
      f'{error.filename or out}: {error.strerror} (bundle). Choose a writable folder with --out.'
    ) from error
  for name, model in facts['models'].items():
    print(f'{name}: {model["bytes"] / 1e6:.2f} MB, {model["latency_ms"]:.2g} ms a picture here')
  print(f'{out} is ready: start with its README.md')


def _check(inputs: dict[str, pathlib.Path], run_dir: pathlib.Path) -> None:
  """Refuses a run that is unfinished, damaged or failed, or whose files are not those validated."""
  for stage, folder in inputs.items():
    if not folder.is_dir():
      raise errors.ConfigError(
        f'--run_dir={run_dir} has no {stage}/ (bundle). Finish the run: python -m pipeline.run.'
      )
  manifests = {stage: artifacts.verify(folder) for stage, folder in inputs.items()}
  validated = manifests['validate'].inputs
  for stage in ('evaluate', 'export_tflite'):
    if validated.get(stage) != manifests[stage].digest:
      raise errors.ValidationError(
        f'{inputs[stage]} was made after the validation (bundle). Run python -m pipeline.run again.'
      )
  found = push.failures(inputs)
  if found:
    raise errors.ValidationError(
      f'No bundle: {"; ".join(found)}. {run_dir / "report/report.html"} tells more.'
    )


if __name__ == '__main__':
  sys.exit(main())
