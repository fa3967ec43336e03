"""Command line: `python -m serving.push list|rollback|canary|promote`.

  list      the versions of a model and their labels
  rollback  publishes an older version again under a new and higher number: the one before the
            newest, or --version; the label stable goes back to the older one
  canary    serves a version beside the stable one, under the label canary: the newest, or --version
  promote   makes a version the stable one: the canary, else the newest, or --version

TF Serving follows the labels in SERVING_MODEL_DIR/models.config when it is started with
--model_config_file=SERVING_MODEL_DIR/models.config --model_config_file_poll_wait_seconds=30
--allow_version_labels_for_unavailable_models, and moves one only to a version that it has loaded:
make it the canary first, and promote it when it is served.
Exit codes: 0 done, 2 a flag or a version is wrong, 6 a folder can't be read or written.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from serving.push import commands


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs a command; returns the exit code."""
  parser = argparse.ArgumentParser(
    prog='python -m serving.push',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('command', choices=sorted(commands.COMMANDS))
  parser.add_argument(
    '--serving_model_dir',
    type=pathlib.Path,
    default='serving_models',
    help='folder that holds the models (default: %(default)s)',
  )
  parser.add_argument('--model_name', default='digits', help='its folder (default: %(default)s)')
  parser.add_argument('--version', type=int, help='number of the version that is meant')
  options = parser.parse_args(arguments)
  folder = options.serving_model_dir / options.model_name
  try:
    if not folder.is_dir():
      raise ValueError(f'{folder} is not there. Check --serving_model_dir and --model_name.')
    commands.COMMANDS[options.command](folder, options.version)
  except ValueError as error:
    print(error, file=sys.stderr)
    return 2
  except OSError as error:
    print(f'{error.filename}: {error.strerror}', file=sys.stderr)
    return 6
  return 0


if __name__ == '__main__':
  sys.exit(main())
