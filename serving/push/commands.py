"""What an operator does with the versions of a model."""

import datetime
import hashlib
import pathlib
from collections.abc import Collection, Mapping

import rich.box
import rich.console
import rich.table

from serving.push import labels, publishing


def show(folder: pathlib.Path, version: int | None = None) -> None:
  """Prints the versions, newest first, with their labels and which are the same."""
  versions = _versions(folder)
  if version is not None:
    versions = {version: _existing(folder, version)}
  by_version: dict[int, list[str]] = {}
  for label, labelled in labels.read(_config_file(folder), folder.name).items():
    by_version.setdefault(labelled, []).append(label)
  table = rich.table.Table('version', 'pushed', 'size', 'labels', '', box=rich.box.SIMPLE)
  digests = {number: _digest(path) for number, path in versions.items()}
  for number, path in reversed(versions.items()):
    twins = [other for other, digest in digests.items() if digest == digests[number]]
    table.add_row(
      str(number),
      f'{datetime.datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M:%S}',
      f'{sum(file.stat().st_size for file in _files(path)) / 1e6:.1f} MB',
      ', '.join(sorted(by_version.get(number, []))),
      f'the same files as {twins[0]}' if twins[0] < number else '',
    )
  rich.console.Console().print(table)


def rollback(folder: pathlib.Path, version: int | None = None) -> None:
  """Publishes an older version under a new number; a stable label goes back to the older one.

  It does so at once if the older one is served; the new number can't have the label before a server
  has loaded it. Without a version it is the one before the newest; not twice, for that would bring
  the bad one back.
  """
  with labels.locked(_config_file(folder)):
    known, served = _labels(folder)
    old = _before_newest(folder, served) if version is None else version
    source = _existing(folder, old)
    number, path = publishing.publish(source, folder.parent, folder.name)
    print(f'{source} is now {path} (version {number})')
    if labels.STABLE not in known:
      return
    if old in served:
      _write(folder, known | {labels.STABLE: old}, beside=[number])
    else:
      _write(folder, known, beside=[number])
      _print_next('promote', number)


def canary(folder: pathlib.Path, version: int | None = None) -> None:
  """Labels a version, the newest unless told, as the canary; the stable one stays.

  If there is a canary already, the new one is served first, and gets the label when told again.
  """
  with labels.locked(_config_file(folder)):
    number = _known(folder, version)
    known, served = _labels(folder)
    if labels.STABLE not in known:
      raise ValueError(
        f'{folder.name} has no stable version to try version {number} beside. Name it first:'
        ' python -m serving.push promote --version=N.'
      )
    if labels.CANARY in known and number not in served:
      _write(folder, known, beside=[number])
      _print_next('canary', number)
    else:
      _write(folder, known | {labels.CANARY: number})


def promote(folder: pathlib.Path, version: int | None = None) -> None:
  """Labels a version as the stable one: that told, else the canary, else the newest."""
  with labels.locked(_config_file(folder)):
    known, served = _labels(folder)
    number = _known(folder, known.get(labels.CANARY) if version is None else version)
    if labels.STABLE in known and number not in served:
      raise ValueError(
        f'Version {number} is not served, and a server moves a label only to a version that it has'
        f' loaded. First: python -m serving.push canary --version={number}'
      )
    if known.get(labels.CANARY) == number:
      del known[labels.CANARY]
    _write(folder, known | {labels.STABLE: number})


def _labels(folder: pathlib.Path) -> tuple[dict[str, int], set[int]]:
  """The labels, and the versions that are served for them."""
  config_file = _config_file(folder)
  return labels.read(config_file, folder.name), labels.served(config_file, folder.name)


def _write(folder: pathlib.Path, versions: Mapping[str, int], beside: Collection[int] = ()) -> None:
  labels.write(_config_file(folder), folder, versions, beside)
  named = [f'{label} is version {number}' for label, number in sorted(versions.items())]
  named += [f'version {number} is served beside' for number in beside]
  print(f'{_config_file(folder)}: {", ".join(named)}')


def _print_next(command: str, number: int) -> None:
  print(
    f'A server moves a label only to a version that it has loaded. When it serves version {number}:'
    f' python -m serving.push {command} --version={number}'
  )


def _config_file(folder: pathlib.Path) -> pathlib.Path:
  return folder.parent / labels.FILE


def _versions(folder: pathlib.Path) -> dict[int, pathlib.Path]:
  found = publishing.versions(folder)
  if not found:
    raise ValueError(f'{folder} holds no versions. Push one with python -m pipeline.run.')
  return found


def _existing(folder: pathlib.Path, version: int) -> pathlib.Path:
  found = _versions(folder)
  if version not in found:
    there = ', '.join(map(str, found))
    raise ValueError(f'--version={version} is not in {folder}, which holds {there}.')
  return found[version]


def _known(folder: pathlib.Path, version: int | None) -> int:
  """The version told, if it is there; the newest if none is told."""
  if version is None:
    return max(_versions(folder))
  _existing(folder, version)
  return version


def _before_newest(folder: pathlib.Path, served: Collection[int]) -> int:
  """Of the versions that are served, if labels choose them: nobody was given the others."""
  paths = _versions(folder)
  if len(paths) < 2:
    raise ValueError(f'{folder} holds no version but {max(paths)}: nothing to go back to.')
  numbers = [number for number in paths if number in served]
  *_, old, newest = numbers if len(numbers) > 1 else paths
  if _digest(paths[newest]) in [_digest(paths[number]) for number in paths if number < newest]:
    raise ValueError(
      f'{paths[newest]} is a version that came back already. Name the one to go back to with'
      ' --version.'
    )
  return old


def _files(path: pathlib.Path) -> list[pathlib.Path]:
  return sorted(file for file in path.rglob('*') if file.is_file())


def _digest(path: pathlib.Path) -> str:
  """Of the names and contents of a version's files."""
  digest = hashlib.sha256()
  for file in _files(path):
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    digest.update(f'{file.relative_to(path)}\0{content}\0'.encode())
  return digest.hexdigest()


COMMANDS = {'list': show, 'rollback': rollback, 'canary': canary, 'promote': promote}
