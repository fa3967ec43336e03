"""Writes that survive a crash, and that a reader sees whole or not at all; one writer at a time."""

import contextlib
import fcntl
import os
import pathlib
import uuid
from collections.abc import Iterator


def sync(path: pathlib.Path) -> None:
  """Makes a file's bytes, or a folder's entries, durable."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def make_folder(path: pathlib.Path) -> None:
  """Makes a folder, and those that it is in, if they are missing."""
  missing = [folder for folder in (path, *path.parents) if not folder.exists()]
  path.mkdir(parents=True, exist_ok=True)
  for folder in missing:
    sync(folder.parent)


def write_text(path: pathlib.Path, text: str) -> None:
  """Replaces a file."""
  partial = path.with_name(f'.{path.name}-{uuid.uuid4().hex}')
  try:
    partial.write_text(text, encoding='utf-8')
    sync(partial)
    partial.replace(path)
    sync(path.parent)
  finally:
    partial.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
  """Waits until nobody else, of this process or another, holds the lock of that file."""
  with path.open('w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield
