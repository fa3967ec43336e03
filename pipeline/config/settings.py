"""What a setting is: a dataclass field with its help and bounds, checked when it is made."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from pipeline import errors


def setting(
  default: Any,
  help: str,
  *,
  min: float | None = None,
  max: float | None = None,
  choices: Sequence[str] | None = None,
  decides: bool = True,
) -> Any:
  """A dataclass field that is also a flag; `decides` is whether a stage's result depends on it."""
  metadata = {'help': help, 'min': min, 'max': max, 'choices': choices, 'decides': decides}
  return dataclasses.field(default=default, metadata=metadata)


def seed_setting() -> Any:
  """The `seed` of a stage; all stages share the flag."""
  return setting(0, 'Seed of everything random in the run.', min=0, max=2**31 - 1)


def deciding(stage_config: Any) -> dict[str, Any]:
  """The settings of one stage that its result depends on."""
  return {
    field.name: getattr(stage_config, field.name)
    for field in dataclasses.fields(stage_config)
    if field.metadata['decides']
  }


class Checked:
  """Checks every field against the bounds in its metadata."""

  def __post_init__(self) -> None:
    for item in dataclasses.fields(self):  # type: ignore[arg-type]
      if item.metadata:
        _check(type(self).__name__, item, getattr(self, item.name))


def _check(owner: str, item: 'dataclasses.Field[Any]', value: Any) -> None:
  low, high, choices = (item.metadata[key] for key in ('min', 'max', 'choices'))
  where = f'--{item.name}={value} ({owner})'
  if choices is not None and value not in choices:
    raise errors.ConfigError(f'{where} is not known. Choose one of: {", ".join(choices)}.')
  if isinstance(value, str) and not _fits_a_line(value):
    raise errors.ConfigError(
      f'{where} has a line break, bytes that are not UTF-8 or a space at its end, which no'
      ' flagfile keeps. Take them out, or rename what it names.'
    )
  if isinstance(value, (int, float)) and not isinstance(value, bool):
    if not math.isfinite(value):
      raise errors.ConfigError(f'{where} is not a finite number. Give one.')
    if low is not None and value < low:
      raise errors.ConfigError(f'{where} is too small. Choose {low} or more.')
    if high is not None and value > high:
      raise errors.ConfigError(f'{where} is too large. Choose {high} or less.')


def _fits_a_line(text: str) -> bool:
  """A run writes its settings to a flagfile, to be replayed."""
  try:
    text.encode()
  except UnicodeEncodeError:
    return False
  return text == text.rstrip() and text.splitlines() in ([], [text])
