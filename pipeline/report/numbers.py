"""Numbers as a careful editor would print them."""

import datetime
import math

SPACE = '\u202f'  # narrow and unbroken, between a number and its unit
MINUS = '\u2212'
SUPERSCRIPTS = str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹')


def number(value: float, digits: int = 3) -> str:
  """A number with `digits` significant digits; whole numbers keep all of theirs."""
  if not math.isfinite(value):
    return 'not finite'
  if value == int(value) and abs(value) < 1e15:
    return f'{int(value):,}'.replace('-', MINUS)
  if not 1e-3 <= abs(value) < 1e7:
    mantissa, exponent = f'{value:.{max(digits - 2, 0)}e}'.split('e')
    return f'{mantissa}{SPACE}×{SPACE}10{str(int(exponent)).translate(SUPERSCRIPTS)}'.replace(
      '-', MINUS
    )
  places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
  return f'{value:,.{places}f}'.replace('-', MINUS)


def share(value: float) -> str:
  """A share of one, in per cent, with more places where it is nearly all or nothing."""
  if not math.isfinite(value):
    return 'not finite'
  if abs(100 * value - round(100 * value)) < 1e-9:
    return f'{round(100 * value)}{SPACE}%'.replace('-', MINUS)
  rest = min(abs(value), abs(1 - value))
  places = min(max(math.ceil(-math.log10(rest)) - 2, 2), 9) if rest < 0.01 else 1
  return f'{100 * value:.{places}f}{SPACE}%'.replace('-', MINUS)


def increase(value: float) -> str:
  """A relative change with its sign."""
  sign = '+' if value >= 0 else ''
  return sign + share(value)


def size(num_bytes: float) -> str:
  """A file size in decimal units."""
  for unit, scale in (('GB', 1e9), ('MB', 1e6), ('kB', 1e3)):
    if num_bytes >= scale:
      return f'{num_bytes / scale:.3g}{SPACE}{unit}'
  return f'{num_bytes:.0f}{SPACE}B'


def duration(seconds: float) -> str:
  """A time span, as precise as its length deserves."""
  if not math.isfinite(seconds):
    return 'not finite'
  if round(seconds, 1) < 60:
    return f'{seconds:.1f}{SPACE}s'
  minutes, rest_s = divmod(round(seconds), 60)
  hours, rest_min = divmod(minutes, 60)
  if hours:
    return f'{hours}{SPACE}h {rest_min:02d}{SPACE}min'
  return f'{minutes}{SPACE}min {rest_s:02d}{SPACE}s'


def moment(value: object) -> datetime.datetime | None:
  """A time of a manifest, ISO 8601 with its offset, in UTC; None if it is none."""
  try:
    return datetime.datetime.fromisoformat(str(value)).astimezone(datetime.UTC)
  except (ValueError, OverflowError):
    return None


def day(time: datetime.datetime) -> str:
  """A date, spelled out."""
  return f'{time.day} {time:%B %Y}'
