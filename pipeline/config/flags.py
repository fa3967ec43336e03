"""A flag for every setting, and the configuration that a command line gives."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from absl import flags

from pipeline import errors
from pipeline.config import flagfile
from pipeline.config.run import Invocation, RunConfig, stage_types

T = TypeVar('T')
_Fields = list['dataclasses.Field[Any]']


def parse(argv: Sequence[str]) -> tuple[RunConfig, Invocation]:
  """Configuration from command-line arguments (without the program's name).

  Raises:
    ConfigError: an unknown flag, a value out of bounds, a flagfile that can't be read.
  """
  flag_values = flags.FlagValues()
  for fields in _fields_by_owner().values():
    for field in fields:
      _define(field, flag_values)
  try:
    rest = flag_values(['pipeline.run', *flagfile.expand(argv)])[1:]
  except (flags.Error, ValueError) as error:  # the latter of --noNAME=VALUE
    raise errors.ConfigError(f'{error} (command line). See --help for every flag.') from error
  if rest:
    raise errors.ConfigError(
      f'{rest[0]!r} (command line) is not a flag. Write settings as --name=value; see --help.'
    )
  settings = flag_values.flag_values_dict()
  stages = {name: _pick(stage, settings) for name, stage in stage_types().items()}
  return RunConfig(run_dir=settings['run_dir'], **stages), _pick(Invocation, settings)


def help_text() -> str:
  """Every flag with its default and help, grouped by stage."""
  lines = ['Flags (--flagfile=FILE reads them from a file, one a line):']
  for owner, fields in _fields_by_owner().items():
    lines += ['', f'{owner}:']
    for field in fields:
      lines.append(f'  --{field.name}={flagfile.as_flag(field.default)}')
      choices = field.metadata['choices']
      lines.append(
        f'      {field.metadata["help"]}' + (f' [{"|".join(choices)}]' if choices else '')
      )
  return '\n'.join(lines)


def _fields_by_owner() -> dict[str, _Fields]:
  """The fields that are flags, under the stage (or the program) that has them first."""
  stages = stage_types()
  all_fields: dict[str, Sequence[dataclasses.Field[Any]]] = {
    'run': [field for field in dataclasses.fields(RunConfig) if field.name not in stages],
    **{name: dataclasses.fields(stage) for name, stage in stages.items()},
    'this call': dataclasses.fields(Invocation),
  }
  owners: dict[str, _Fields] = {}
  seen: set[str] = set()
  for owner, fields in all_fields.items():
    owners[owner] = [field for field in fields if field.name not in seen]
    seen |= {field.name for field in fields}
  return {owner: fields for owner, fields in owners.items() if fields}


def _define(field: 'dataclasses.Field[Any]', flag_values: flags.FlagValues) -> None:
  # Bounds and choices are checked by the dataclasses, so that every way in gives the same message.
  define = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
  }[field.type]  # type: ignore[index]
  define(field.name, field.default, field.metadata['help'], flag_values=flag_values)


def _pick(kind: type[T], settings: Mapping[str, Any]) -> T:
  """A dataclass filled with those of the settings that it has."""
  return kind(**{field.name: settings[field.name] for field in dataclasses.fields(kind)})  # type: ignore[arg-type]
