"""Stands for TensorFlow: loads marked folders at once, and notes it."""

import pathlib

from serving.server.errors import Code, ServingError
from serving.server.servable import Servable


class Loader:
  """Loads any folder that holds a file `good`; notes what happens, in order."""

  def __init__(self) -> None:
    self.events: list[str] = []
    self.graces_s: list[float | None] = []

  def __call__(self, name: str, version: int, path: pathlib.Path) -> 'Loader._Loaded':
    self.events.append(f'load {version}')
    if not (path / 'good').exists():
      raise ServingError(Code.DATA_LOSS, f'{version} is damaged')
    return Loader._Loaded(name, version, self)

  class _Loaded(Servable):
    def __init__(self, name: str, version: int, loader: 'Loader') -> None:
      super().__init__(name, version, {})
      self._loader = loader

    def run(self, signature, inputs, outputs, deadline_s=None):
      return inputs

    def free(self) -> None:
      self._loader.events.append(f'close {self.version}')

    def close(self, timeout_s: float | None = None) -> None:
      self._loader.graces_s.append(timeout_s)
      super().close(timeout_s)
