"""Builds mobile/native with real compilers, and runs its programs."""

import base64
import dataclasses
import json
import pathlib
import shutil
import subprocess

import ai_edge_litert
import numpy as np
import pytest

LITERT = pathlib.Path(ai_edge_litert.__file__).parent / 'libLiteRt.so'
# Programs and their Debian packages.
_TOOLS = {
  'cmake': 'cmake',
  'make': 'make',
  'cc': 'gcc',
  'c++': 'g++',
  'valgrind': 'valgrind',
  'qemu-aarch64-static': 'qemu-user-static',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
}


def need(*programs: str) -> None:
  """Skips the test where a program is missing."""
  missing = [_TOOLS[program] for program in programs if shutil.which(program) is None]
  if missing:
    pytest.skip(f'tools are missing: apt-get install {" ".join(missing)}')


def run(*command: str | pathlib.Path, timeout_s: int = 300) -> subprocess.CompletedProcess[str]:
  return subprocess.run(
    command, capture_output=True, text=True, errors='replace', check=False, timeout=timeout_s
  )


def build(folder: pathlib.Path, litert: pathlib.Path, *options: str) -> pathlib.Path:
  """The folder, with the library and the programs of this folder in it."""
  source = pathlib.Path(__file__).parent
  options = (f'-DLITERT_LIBRARY={litert}', '-DCMAKE_BUILD_TYPE=RelWithDebInfo', *options)
  for command in (
    ['cmake', '-S', source, '-B', folder, *options],
    ['cmake', '--build', folder],
  ):
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
  return folder


@dataclasses.dataclass(frozen=True)
class Golden:
  """The contents of golden.json, as its writer describes it (mobile/self_test.py)."""

  latents: np.ndarray  # float32 [N, Z]
  labels: np.ndarray  # int32 [N]
  pixels: dict[str, np.ndarray]  # of each file, uint8 [N, H, W, C]
  sha256: dict[str, str]
  max_level_difference: dict[str, int]


def golden(bundle: pathlib.Path) -> Golden:
  contents = json.loads((bundle / 'golden.json').read_text())
  models, shape = contents['models'], [-1, *contents['image_shape']]
  return Golden(
    latents=decoded(contents['latents'], '<f4').reshape(-1, contents['latent_size']),
    labels=np.array(contents['labels'], '<i4'),
    pixels={name: decoded(m['pixels'], 'u1').reshape(shape) for name, m in models.items()},
    sha256={name: m['sha256'] for name, m in models.items()},
    max_level_difference={name: m['max_level_difference'] for name, m in models.items()},
  )


def decoded(text: str, dtype: str) -> np.ndarray:
  return np.frombuffer(base64.b64decode(text), dtype)


def generated(
  program: list[str | pathlib.Path],
  model: pathlib.Path,
  latents: np.ndarray,
  labels: np.ndarray | None,
  folder: pathlib.Path,
) -> np.ndarray:
  """What `generate_pixels` makes: uint8 [N * H * W * C]."""
  latents.tofile(folder / 'latents')
  inputs: list[str | pathlib.Path] = [folder / 'latents', folder / 'pixels']
  if labels is not None:
    labels.tofile(folder / 'labels')
    inputs.append(folder / 'labels')
  done = run(*program, model, *inputs)
  assert done.returncode == 0, done.stderr
  return np.fromfile(folder / 'pixels', np.uint8)


def assert_golden(
  program: list[str | pathlib.Path], bundle: pathlib.Path, name: str, folder: pathlib.Path
) -> None:
  """Equal to the byte for files of integers, and as near as golden.json asks for the others."""
  expected = golden(bundle)
  pixels = generated(program, bundle / name, expected.latents, expected.labels, folder)
  wanted = expected.pixels[name].ravel()
  assert pixels.size == wanted.size
  difference = np.abs(pixels.astype(int) - wanted).max()
  assert difference <= expected.max_level_difference[name]


def outcomes(programs: pathlib.Path, folder: pathlib.Path, *sha256: str) -> list[str]:
  """What `open_each` says of the files 0, 1, … in the folder: 'opened', or the error."""
  number = len(list(folder.iterdir()))
  done = run(programs / 'open_each', folder, str(number), *sha256)
  assert done.returncode == 0, done.stderr
  lines = done.stdout.splitlines()
  assert len(lines) == number
  return lines
