"""The commands of `python -m serving.client`, each from its flags to what it prints or writes."""

import argparse
import asyncio
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image

from serving.client import checks
from serving.client.clients import AsyncClient, Client
from serving.client.errors import ClientError, InvalidRequestError
from serving.client.messages import TensorSpec
from serving.client.tls import Tls

_MAX_COLUMNS, _GAP, _GREY = 40, 2, 128


class OutputError(ClientError):
  """A file or folder that can't be written."""

  exit_code = 6


def generate(options: argparse.Namespace) -> None:
  """Pictures, a row for each label."""
  if options.count < 1 or options.out.suffix not in ('.png', '.npz', ''):
    raise InvalidRequestError(
      f'--count={options.count} --out={options.out}. Choose a count of 1 or more, and a .png or'
      ' .npz file or a folder.'
    )
  labels = np.repeat(np.array(options.label, np.int64), options.count)
  seeds = options.seed + np.arange(len(labels) or options.count, dtype=np.int64)
  with _client(options) as client:
    pictures = client.generate(seeds, labels=labels if len(labels) else None)
  try:
    _write(options.out, pictures, seeds, labels, options.count)
  except OSError as error:
    raise OutputError(f'--out={options.out}: {error}. Name a place that can be written.') from error
  print(f'{len(pictures):,} images: {options.out}')


def status(options: argparse.Namespace) -> None:
  """A line for each version, newest first."""
  with _client(options) as client:
    if options.wait_s:
      client.wait_until_available(options.wait_s)
    for found in client.status():
      print(f'version={found.version} state={found.state} {found.error}'.rstrip())


def metadata(options: argparse.Namespace) -> None:
  """A line for each signature."""
  with _client(options) as client:
    found = client.metadata()
  print(f'{options.model_name} version {found.version}')
  for name, signature in sorted(found.signatures.items()):
    if signature.inputs:
      print(f'{name}: {_text(signature.inputs)} -> {_text(signature.outputs)}')


def bench(options: argparse.Namespace) -> None:
  """A table of latency and throughput."""
  from serving.client import benchmark

  if min(options.num_requests, options.batch_size, options.concurrency) < 1:
    raise InvalidRequestError(
      f'--num_requests={options.num_requests} --batch_size={options.batch_size}'
      f' --concurrency={options.concurrency}. Each must be 1 or more.'
    )

  async def measure() -> benchmark.Result:
    async with AsyncClient(**_arguments(options)) as client:
      return await benchmark.measure(
        client,
        labels=options.label,
        num_requests=options.num_requests,
        batch_size=options.batch_size,
        concurrency=options.concurrency,
      )

  benchmark.show(asyncio.run(measure()))


def _client(options: argparse.Namespace) -> Client:
  return Client(**_arguments(options))


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
  """What a client is made from."""
  names = ('address', 'model_name', 'protocol', 'version', 'version_label', 'timeout_s')
  files = {name: getattr(options, name) for name in ('ca_cert', 'client_cert', 'client_key')}
  tls = Tls(**files) if options.tls or any(files.values()) else None
  return {name: getattr(options, name) for name in names} | {'tls': tls}


def _write(
  out: pathlib.Path,
  pictures: Sequence[PIL.Image.Image],
  seeds: np.ndarray,
  labels: np.ndarray,
  count: int,
) -> None:
  """Writes what the name of the file or folder asks for."""
  out.parent.mkdir(parents=True, exist_ok=True)
  if out.suffix == '.png':
    _grid(pictures, min(count, _MAX_COLUMNS)).save(out)
  elif out.suffix == '.npz':
    np.savez_compressed(out, images=checks.stack(pictures), seeds=seeds, labels=labels)
  else:
    _save_each(out, pictures, seeds, labels)


def _grid(pictures: Sequence[PIL.Image.Image], columns: int) -> PIL.Image.Image:
  """One picture of all, row by row."""
  width, height = (size + _GAP for size in pictures[0].size)
  rows = -(-len(pictures) // columns)
  grey = PIL.Image.new('L', (columns * width + _GAP, rows * height + _GAP), _GREY)
  grid = grey.convert(pictures[0].mode)
  for index, picture in enumerate(pictures):
    row, column = divmod(index, columns)
    grid.paste(picture, (column * width + _GAP, row * height + _GAP))
  return grid


def _save_each(
  folder: pathlib.Path, pictures: Sequence[PIL.Image.Image], seeds: np.ndarray, labels: np.ndarray
) -> None:
  """One file each: <label>/<seed>.png, or <seed>.png without labels."""
  for index, picture in enumerate(pictures):
    path = folder / str(labels[index]) if len(labels) else folder
    path.mkdir(parents=True, exist_ok=True)
    picture.save(path / f'{seeds[index]}.png')


def _text(tensors: Mapping[str, TensorSpec]) -> str:
  return ', '.join(
    f'{name} {spec.dtype} {checks.shape_text(spec)}' for name, spec in sorted(tensors.items())
  )
