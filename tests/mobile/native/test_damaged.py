"""Damaged model files are refused in one clear line, under sanitisers."""

import hashlib
import pathlib
from collections.abc import Iterator

import numpy as np
import pytest

from mobile import seal
from tests.mobile.native import building

SEAL_SIZE = len(seal.sealed(b''))


def damaged(model: bytes) -> Iterator[bytes]:
  """Cut short, changed here and there, and at the edges of the seal."""
  rng = np.random.default_rng(0)
  end = len(model) - SEAL_SIZE
  for size in [*rng.integers(0, len(model), 20), 0, 1, SEAL_SIZE - 1, end, end + 1, len(model) - 1]:
    yield model[:size]
  for place in [*rng.integers(0, len(model), 40), 0, 4, end - 1, end, end + 7, end + 8, -1]:
    changed = bytearray(model)
    changed[place] ^= rng.integers(1, 256)
    yield bytes(changed)
  yield model + b'\0'
  yield model[end:]
  yield bytes(len(model))


@pytest.fixture(scope='module')
def folder(bundle: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """Files 0, 1, …, of which the last is whole."""
  path = tmp_path_factory.mktemp('damaged')
  model = (bundle / 'generator.tflite').read_bytes()
  for number, contents in enumerate([*damaged(model), model]):
    (path / str(number)).write_bytes(contents)
  return path


def test_the_seal_refuses_every_damaged_file(
  folder: pathlib.Path, sanitised_programs: pathlib.Path
):
  *refused, whole = building.outcomes(sanitised_programs, folder)
  assert whole == 'opened'
  for number, line in enumerate(refused):
    assert line.startswith(f'{folder}/{number} ')
    assert '(gan_generator_open). ' in line


def test_an_expected_sha256_refuses_every_damaged_file(
  folder: pathlib.Path, bundle: pathlib.Path, sanitised_programs: pathlib.Path
):
  sha256 = building.golden(bundle).sha256['generator.tflite']
  *refused, whole = building.outcomes(sanitised_programs, folder, sha256)
  assert whole == 'opened'
  assert all('has not the expected SHA-256' in line or 'is empty' in line for line in refused)


def test_an_expected_sha256_opens_a_file_without_a_seal(
  bundle: pathlib.Path, programs: pathlib.Path, tmp_path: pathlib.Path
):
  model = (bundle / 'generator.tflite').read_bytes()[:-SEAL_SIZE]
  (tmp_path / '0').write_bytes(model)
  assert building.outcomes(programs, tmp_path, hashlib.sha256(model).hexdigest()) == ['opened']
