"""Prints what LiteRT does with damaged model files, which mobile/native's seal keeps from it.

  python -m benchmarks.native_fuzz --bundle=FOLDER --program=build/generate_pixels

Each file is generator.tflite with one to four bytes changed, but not in the weights, which would
only draw other pictures. It is sealed anew, so that LiteRT sees it, and makes a picture in a
process of its own. mobile/native/README.md tells how to build the program.
"""

import argparse
import collections
import pathlib
import subprocess
import tempfile

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile import model_files, seal, self_test

_MAX_CHANGES = 4
_WEIGHTS_SIZE = 1000  # bytes of a constant, from which it is taken for weights
_TIMEOUT_S = 60


def main() -> None:
  """Changes, runs, counts."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--bundle', type=pathlib.Path, required=True)
  parser.add_argument('--program', type=pathlib.Path, required=True, help='generate_pixels')
  parser.add_argument('--num_files', type=int, default=500)
  parser.add_argument('--seed', type=int, default=0)
  options = parser.parse_args()
  sealed = (options.bundle / model_files.MAIN).read_bytes()
  contents = sealed[: -len(seal.sealed(b''))]
  places = _places(contents)
  rng, counts = np.random.default_rng(options.seed), collections.Counter[str]()
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    inputs = _inputs(options.bundle, folder)
    for _ in range(options.num_files):
      (folder / 'model').write_bytes(seal.sealed(_changed(contents, places, rng)))
      counts[_outcome([options.program.resolve(), folder / 'model', *inputs])] += 1
  for outcome, count in counts.most_common():
    print(f'{outcome}: {count:,} of {options.num_files:,}')


def _inputs(bundle: pathlib.Path, folder: pathlib.Path) -> list[pathlib.Path]:
  """Files with one golden latent and its label, and one for the picture, as the program asks."""
  golden = self_test.SelfTest.read(bundle / self_test.FILE)
  golden.latents[:1].astype(np.float32).tofile(folder / 'latents')
  paths = [folder / 'latents', folder / 'pixels']
  if golden.labels is not None:
    golden.labels[:1].tofile(folder / 'labels')
    paths.append(folder / 'labels')
  return paths


def _places(contents: bytes) -> np.ndarray:
  """Indices of the bytes that are no weights."""
  is_structure = np.ones(len(contents), bool)
  root = schema.Model.GetRootAs(contents, 0)
  for buffer in map(root.Buffers, range(root.BuffersLength())):
    if buffer.DataLength() >= _WEIGHTS_SIZE:
      start = buffer._tab.Vector(buffer._tab.Offset(4))
      is_structure[start : start + buffer.DataLength()] = False
  return np.flatnonzero(is_structure)


def _changed(contents: bytes, places: np.ndarray, rng: np.random.Generator) -> bytes:
  changed = np.frombuffer(contents, np.uint8).copy()
  chosen = rng.choice(places, rng.integers(1, _MAX_CHANGES + 1), replace=False)
  changed[chosen] ^= rng.integers(1, 256, len(chosen), np.uint8)
  return changed.tobytes()


def _outcome(command: list[pathlib.Path]) -> str:
  try:
    done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
  except subprocess.TimeoutExpired:
    return f'still ran after {_TIMEOUT_S} s'
  if done.returncode < 0:
    return 'crashed'
  return 'refused' if done.returncode else 'ran'


if __name__ == '__main__':
  main()
