"""What the `auto` settings came to: measured when a training begins, kept for when it goes on."""

import contextlib
import json
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

from pipeline import artifacts

T = TypeVar('T')


class Choices:
  """Choices and their reasons, in a file beside the checkpoints.

  A clock may choose otherwise the next time, and the bits would be others from there on.
  """

  def __init__(self, path: pathlib.Path) -> None:
    self._path = path
    self._made: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError, ValueError):  # of a damaged one
      self._made = json.loads(path.read_text(encoding='utf-8'))

  def make(self, name: str, choose: Callable[[], tuple[T, str]]) -> tuple[T, str]:
    """The choice of this name, and its reason; `choose` makes it the first time.

    Raises:
      StorageError: it can't be written.
    """
    if name not in self._made:
      self._made[name] = choose()
      self._path.parent.mkdir(parents=True, exist_ok=True)
      artifacts.write_text(self._path, json.dumps(self._made, indent=2) + '\n')
    choice, reason = self._made[name]
    return choice, reason
