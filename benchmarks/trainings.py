"""Trainings by the command, each in a process of its own, and what they took."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from serving.server.ports import free_ports

_POLL_S = 0.02


@dataclasses.dataclass(frozen=True)
class Training:
  """What a training says of itself."""

  images_per_s: float  # in the last interval between two records
  peak_memory_mib: int  # of the chief alone, if there are several workers
  input_wait_share: float


def ingest(run_dir: pathlib.Path, *flags: str) -> None:
  """Makes a run folder with data and no more."""
  _finish(_start(run_dir, 'ingest', flags))


def train(ingested: pathlib.Path, run_dir: pathlib.Path, *flags: str, workers: int = 1) -> Training:
  """Trains in a new run folder on data that another one has, in one process or several."""
  shutil.copytree(ingested, run_dir)
  addresses = [f'localhost:{port}' for port in free_ports(workers)]
  processes = [_start(run_dir, 'train', flags, addresses, i) for i in range(workers)]
  try:
    for process in processes:
      _finish(process)
  finally:
    for process in processes:
      process.kill()  # if another one has failed
  facts = json.loads((run_dir / 'train' / 'training.json').read_text(encoding='utf-8'))
  last, before = _records(run_dir / 'train')[:-3:-1]
  images_per_s = (last['images_seen'] - before['images_seen']) / (last['time_s'] - before['time_s'])
  return Training(images_per_s, facts['peak_memory_mib'], facts['input_wait_share'])


def seconds_to_first_step(ingested: pathlib.Path, run_dir: pathlib.Path, *flags: str) -> float:
  """From the start of the process to the record of the first step."""
  shutil.copytree(ingested, run_dir)
  start_s = time.perf_counter()
  # The last step, which is a candidate and is checked for collapse, is another one.
  process = _start(run_dir, 'train', (*flags, '--train_steps=2', '--log_every_steps=1'))
  while process.poll() is None and not _records(run_dir / '.train.partial'):
    time.sleep(_POLL_S)
  seconds = time.perf_counter() - start_s
  _finish(process)
  return seconds


def _start(
  run_dir: pathlib.Path,
  stage: str,
  flags: tuple[str, ...],
  addresses: Sequence[str] = (),
  index: int = 0,
) -> 'subprocess.Popen[bytes]':
  command = [sys.executable, '-m', 'pipeline.run', *flags]
  task = {'type': 'worker', 'index': index}
  cluster = json.dumps({'cluster': {'worker': addresses}, 'task': task})
  return subprocess.Popen(
    [*command, f'--run_dir={run_dir}', f'--stages={stage}'],
    stdout=subprocess.DEVNULL,
    env=os.environ | {'TF_CPP_MIN_LOG_LEVEL': '3', 'TF_CONFIG': cluster if addresses else ''},
  )


def _finish(process: 'subprocess.Popen[bytes]') -> None:
  if code := process.wait():
    sys.exit(f'{" ".join(map(str, process.args))} ended with exit code {code}')  # type: ignore[arg-type]


def _records(folder: pathlib.Path) -> list[dict[str, Any]]:
  path = folder / 'metrics.jsonl'
  if not path.is_file():
    return []
  return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]
