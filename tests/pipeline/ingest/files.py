"""Source files that the tests write."""

import gzip
import io
import pathlib
import struct

import numpy as np
import PIL.Image
import rich.console

from pipeline.console import Console


def encode_idx(array: np.ndarray) -> bytes:
  """An IDX file of unsigned bytes."""
  header = struct.pack(f'>BBBB{array.ndim}I', 0, 0, 8, array.ndim, *array.shape)
  return header + array.astype(np.uint8).tobytes()


def random_images(count: int, size: int = 8, seed: int = 0) -> np.ndarray:
  """[count, size, size] uint8."""
  return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


IMAGES = random_images(90)
LABELS = np.arange(90) % 3


def write_pair(
  folder: pathlib.Path,
  images: np.ndarray,
  labels: np.ndarray,
  stem: str = 'train',
  compress: bool = False,
) -> None:
  """A pair of IDX files under their usual names."""
  for name, array in (('images-idx3-ubyte', images), ('labels-idx1-ubyte', labels)):
    data, path = encode_idx(array), folder / f'{stem}-{name}'
    if compress:
      path, data = path.with_name(path.name + '.gz'), gzip.compress(data)
    path.write_bytes(data)


def encode_image(array: np.ndarray, kind: str = 'PNG', **options: object) -> bytes:
  """A picture file of a uint8 array [H, W] or [H, W, C]."""
  buffer = io.BytesIO()
  PIL.Image.fromarray(array).save(buffer, kind, **options)
  return buffer.getvalue()


def write_image(path: pathlib.Path, array: np.ndarray) -> None:
  """A PNG, with the folders above it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(encode_image(array))


def quiet_console() -> tuple[Console, io.StringIO]:
  """A console, and what it prints."""
  text = io.StringIO()
  return Console(rich.console.Console(file=text, soft_wrap=True, highlight=False)), text


def contents(folder: pathlib.Path) -> dict[str, bytes]:
  """Every file below a folder."""
  return {
    path.relative_to(folder).as_posix(): path.read_bytes()
    for path in folder.rglob('*')
    if path.is_file()
  }
