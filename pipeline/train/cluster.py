"""The workers that train together, as TF_CONFIG names them."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pipeline import errors

_EXAMPLE = (
  'Write it as {"cluster": {"worker": ["host0:2222", "host1:2222"]},'
  ' "task": {"type": "worker", "index": 0}}, with an index of its own for each worker.'
)


@dataclasses.dataclass(frozen=True)
class Member:
  """This process among the workers of a cluster."""

  addresses: tuple[str, ...]  # 'host:port' of every worker, the chief's first
  index: int

  @property
  def is_chief(self) -> bool:
    """Whether it owns the run folder, and decides for all where a clock is read."""
    return self.index == 0

  @property
  def port(self) -> int:
    """Where this worker is to be reached."""
    return _port(self.addresses[self.index])

  def name(self, index: int | None = None) -> str:
    """A worker as messages call it; this one by default."""
    number = self.index if index is None else index
    return f'worker {number} of {len(self.addresses)} ({self.addresses[number]})'


def from_environment(environment: Mapping[str, str]) -> Member | None:
  """What TF_CONFIG says; None if it is not set, or names this worker alone.

  Raises:
    ConfigError: it says nothing that can be used.
  """
  text = environment.get('TF_CONFIG', '')
  if not text.strip():
    return None
  try:
    values = json.loads(text)
    jobs, task = values['cluster'], values['task']
    chiefs, workers = jobs.get('chief', []), jobs.get('worker', [])
    kind, index = str(task['type']), int(task['index'])
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    problem = f'{type(error).__name__}: {error}'
    raise errors.ConfigError(f'TF_CONFIG can not be read ({problem}). {_EXAMPLE}') from error
  addresses = _checked([chiefs, workers])
  if kind not in ('chief', 'worker') or index not in range(len(jobs.get(kind, []))):
    raise errors.ConfigError(
      f'TF_CONFIG says that this is {kind} {index}, but its cluster has {len(chiefs)} chief and'
      f' {len(workers)} worker. {_EXAMPLE}'
    )
  member = Member(addresses, index + len(chiefs) if kind == 'worker' else index)
  return member if len(addresses) > 1 else None


def _checked(lists: list[Any]) -> tuple[str, ...]:
  """The addresses of all jobs; each must be one, and no two the same."""
  if not all(isinstance(addresses, list) for addresses in lists) or not any(lists):
    raise errors.ConfigError(f'TF_CONFIG has no list of workers under cluster. {_EXAMPLE}')
  addresses = [str(address) for addresses in lists for address in addresses]
  for address in addresses:
    if not 0 < _port(address) < 65536 or addresses.count(address) > 1:
      raise errors.ConfigError(
        f'TF_CONFIG names a worker {address}, which is not host:port, or not once. {_EXAMPLE}'
      )
  return tuple(addresses)


def _port(address: str) -> int:
  """The number after the last colon; 0 if there is none."""
  host, _, port = address.rpartition(':')
  return int(port) if host and port.isdecimal() else 0
