"""Stands for TensorFlow: loads marked folders at once, and notes it."""

import contextlib
import pathlib

from serving.server.errors import Code, ServingError


class Loader:
  """Loads any folder that holds a file `good`; notes what happens, in order."""

  def __init__(self) -> None:
    self.events: list[str] = []
    self.graces_s: list[float | None] = []

  def __call__(self, name: str, version: int, path: pathlib.Path) -> 'Loader._Loaded':
    self.events.append(f'load {version}')
    if not (path / 'good').exists():
      raise ServingError(Code.DATA_LOSS, f'{version} is damaged')
    return Loader._Loaded(version, self)

  class _Loaded:
    def __init__(self, version: int, loader: 'Loader') -> None:
      self.version, self._loader, self.num_users = version, loader, 0

    @contextlib.contextmanager
    def in_use(self):
      self.num_users += 1
      yield
      self.num_users -= 1

    def close(self, timeout_s: float | None = None) -> None:
      self._loader.events.append(f'close {self.version}')
      self._loader.graces_s.append(timeout_s)
