"""Runs exported models on golden samples, each in a fresh process that knows only files."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

# Imported so that a stage that replays depends on the source of what it starts.
from mobile import replay as tflite_replay
from pipeline import signals
from serving import replay as saved_model_replay
from serving import replay_served

_POLL_S = 0.05
_GRACE_S = 10.0  # for a replay that is ended: longer than it gives its server


class ReplayError(Exception):
  """The model could not be run; the message says why in one line."""


def saved_model(model: pathlib.Path, golden: pathlib.Path) -> dict[str, np.ndarray]:
  """What `serving.replay` writes: latents, images, pixels, num_warmup_records.

  Args:
    model: SavedModel folder.
    golden: golden.npz.

  Raises:
    ReplayError: the model can't be loaded or run.
  """
  return _run(saved_model_replay.__name__, {'saved_model_dir': model, 'golden': golden}, golden)


def served(model: pathlib.Path, golden: pathlib.Path, binary: str) -> dict[str, np.ndarray]:
  """What `serving.replay_served` writes: images and pixels over both protocols.

  Args:
    model: SavedModel folder.
    golden: golden.npz.
    binary: the server's program; empty for the best there is.

  Raises:
    ReplayError: the server does not come up, or does not answer.
  """
  inputs = {'saved_model_dir': model, 'golden': golden}
  return _run(replay_served.__name__, inputs, golden, f'--model_server_binary={binary}')


def tflite(
  model: pathlib.Path, golden: pathlib.Path, extra: pathlib.Path | None = None
) -> dict[str, np.ndarray]:
  """What `mobile.replay` writes: pixels and, with `extra`, extra_pixels.

  Args:
    model: .tflite file.
    golden: golden.npz.
    extra: npz with more latents and labels.

  Raises:
    ReplayError: the model can't be loaded or run.
  """
  inputs = {'model': model, 'golden': golden} | ({'extra': extra} if extra else {})
  return _run(tflite_replay.__name__, inputs, golden)


def save_samples(path: pathlib.Path, latents: np.ndarray, labels: np.ndarray | None) -> None:
  """Writes latents and labels as the replays read them."""
  arrays: dict[str, Any] = {'latents': latents} | ({} if labels is None else {'labels': labels})
  np.savez(path, **arrays)


def _run(
  module: str, inputs: dict[str, pathlib.Path], golden: pathlib.Path, *more: str
) -> dict[str, np.ndarray]:
  with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / 'out.npz'
    flags = [f'--{name}={path.resolve()}' for name, path in inputs.items()]
    ended = _ended([sys.executable, '-m', module, *flags, *more, f'--out={out}'])
    if ended.returncode:
      raise ReplayError(f'can not be run: {_reason(ended)}')
    with np.load(out, allow_pickle=False) as arrays:
      outputs = dict(arrays)
  with np.load(golden, allow_pickle=False) as arrays:
    wanted = arrays['pixels'].shape
  for name in outputs:
    if name.endswith('pixels') and name != 'extra_pixels' and outputs[name].shape != wanted:
      raise ReplayError(f'makes pictures of shape {outputs[name].shape}, not {wanted}')
  return outputs


def _ended(command: list[str]) -> 'subprocess.CompletedProcess[bytes]':
  """Runs a command to its end; a signal ends it and what it started, then goes to the caller."""
  with tempfile.TemporaryFile() as log:
    with (
      signals.stop_requested() as stop,
      subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, process_group=0) as process,
    ):
      try:
        while process.poll() is None and not stop.is_set():
          time.sleep(_POLL_S)
      finally:
        _end_group(process)
    log.seek(0)
    return subprocess.CompletedProcess(command, process.returncode, stderr=log.read())


def _end_group(process: 'subprocess.Popen[bytes]') -> None:
  """Ends a process and those of its group, which a crash may have left; gently, then not."""
  with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
    os.killpg(process.pid, signal.SIGTERM)
    try:
      process.wait(_GRACE_S)
    finally:
      os.killpg(process.pid, signal.SIGKILL)


def _reason(ended: 'subprocess.CompletedProcess[bytes]') -> str:
  """The last line that the process wrote, which names the exception, and its exit code."""
  lines = [line.strip() for line in ended.stderr.decode(errors='replace').splitlines()]
  last = next((line for line in reversed(lines) if line), 'it said nothing')
  return f'{last} (exit code {ended.returncode})'
