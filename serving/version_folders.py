"""What TF Serving takes for a version's folder."""

import re

_NAME = re.compile(r'\s*[+-]?\d+\s*', re.ASCII)


def version(name: str) -> int | None:
  """The number that a folder's name stands for; None for a folder that is no version."""
  number = int(name) if _NAME.fullmatch(name) else None
  return number if number is not None and abs(number) < 2**63 else None
