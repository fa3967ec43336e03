"""Flagfiles: files of flags, one a line, that may include others."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from pipeline import errors
from pipeline.config.run import RunConfig


def expand(argv: Sequence[str]) -> list[str]:
  """Replaces `--flagfile=FILE` by the file's flags, in place, so that the last value wins.

  A flagfile inside a flagfile is looked for beside the file that names it, whatever the current
  directory.

  Raises:
    ConfigError: a flagfile that can't be read, or that includes itself.
  """
  return _expand(argv, pathlib.Path(), ())


def to_flagfile(config: RunConfig, comment: str) -> str:
  """A flagfile that gives this very configuration."""
  lines = [f'# {line}' for line in comment.splitlines()]
  lines += [f'--{name}={as_flag(value)}' for name, value in _by_flag(config).items()]
  return '\n'.join(lines) + '\n'


def as_flag(value: Any) -> str:
  """A setting's value as it stands behind its flag."""
  return str(value).lower() if isinstance(value, bool) else str(value)


def _expand(
  argv: Sequence[str], base: pathlib.Path, open_files: tuple[pathlib.Path, ...]
) -> list[str]:
  expanded: list[str] = []
  arguments = iter(argv)
  for argument in arguments:
    name, equals, value = argument.partition('=')
    if name not in ('--flagfile', '-flagfile'):
      expanded.append(argument)
      continue
    path = (base / (value if equals else next(arguments, ''))).expanduser().resolve()
    if path in open_files:
      raise errors.ConfigError(f'{path} includes itself. Remove its --flagfile line.')
    expanded += _expand(_read(path), path.parent, (*open_files, path))
  return expanded


def _read(path: pathlib.Path) -> list[str]:
  try:
    lines = path.read_text(encoding='utf-8').splitlines()
  except (OSError, UnicodeDecodeError) as error:
    reason = error.strerror if isinstance(error, OSError) else 'not UTF-8 text'
    raise errors.ConfigError(
      f'--flagfile={path} could not be read: {reason}. Ready ones are in configs/.'
    ) from error
  stripped = map(str.strip, lines)
  return [line for line in stripped if line and not line.startswith(('#', '//'))]


def _by_flag(config: RunConfig) -> dict[str, Any]:
  """The settings of all stages by flag."""
  settings: dict[str, Any] = {}
  for name, value in dataclasses.asdict(config).items():
    settings |= value if isinstance(value, dict) else {name: value}
  return settings
