"""Two processes that push to one folder, and a reader that looks at it the whole time."""

import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from serving import push

NUM_PUSHES, KEEP = 20, 3  # of each process
PUSHER = """
import pathlib, sys
from serving import push

saved_model, base = map(pathlib.Path, sys.argv[1:3])
print('ready', flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
  version, path = push.publish(saved_model, base, 'digits')
  push.prune(path.parent, int(sys.argv[4]))
  print(version)
  if number == 0:
    sys.stdin.readline()
"""


@pytest.fixture
def saved_models(tmp_path: pathlib.Path) -> list[pathlib.Path]:
  """Two, with files of the same names, none of which are equal."""
  paths = [tmp_path / name for name in ('one', 'two')]
  for path in paths:
    (path / 'variables').mkdir(parents=True)
    for name in ('saved_model.pb', *(f'variables/{i}' for i in range(8))):
      (path / name).write_bytes(f'{path.name} {name}'.encode() * 1000)
  return paths


@pytest.fixture
def pushers(saved_models: list[pathlib.Path], tmp_path: pathlib.Path) -> Iterator[list]:
  """A process for each of them, told to begin when both are ready; each waits after one push."""
  processes = [
    subprocess.Popen(
      [sys.executable, '-c', PUSHER, path, tmp_path / 'base', str(NUM_PUSHES), str(KEEP)],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )
    for path in saved_models
  ]
  assert [process.stdout.readline() for process in processes] == ['ready\n'] * 2
  tell(processes)
  yield processes
  for process in processes:
    process.kill()
    process.communicate()


def tell(processes: list[subprocess.Popen]) -> None:
  """Lets each go on."""
  for process in processes:
    process.stdin.write('\n')
    process.stdin.flush()


def contents(folder: pathlib.Path) -> dict[str, bytes]:
  return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def halves(folder: pathlib.Path, whole: list[dict[str, bytes]]) -> tuple[set[int], set[int]]:
  """The versions that are seen in a folder, and those that are not the whole of one model."""
  seen, half = set(), set()
  for version, path in push.versions(folder).items() if folder.is_dir() else ():
    try:
      found = contents(path)
    except FileNotFoundError:  # it was removed meanwhile, or some of it is missing
      found = {}
    if found in whole:
      seen.add(version)
    elif path.exists():  # what is removed leaves under another name before its files go
      half.add(version)
  return seen, half


def test_both_processes_push_and_a_reader_sees_whole_versions(
  pushers: list[subprocess.Popen], saved_models: list[pathlib.Path], tmp_path: pathlib.Path
):
  folder, whole = tmp_path / 'base' / 'digits', [contents(path) for path in saved_models]
  seen: set[int] = set()
  while any(process.poll() is None for process in pushers):
    new, half = halves(folder, whole)
    assert not half
    if new and not seen:
      tell(pushers)
    seen |= new
  assert [process.returncode for process in pushers] == [0, 0]
  numbers = [int(line) for process in pushers for line in process.stdout]
  assert sorted(numbers) == list(range(1, 2 * NUM_PUSHES + 1))
  assert seen
  assert sorted(path.name for path in folder.iterdir()) == [
    '.last_version',
    '.last_version.lock',
    *(str(2 * NUM_PUSHES - i) for i in reversed(range(KEEP))),
  ]
  assert halves(folder, whole) == (set(push.versions(folder)), set())
