"""No leak, no read or write out of bounds, no undefined behaviour."""

import pathlib

import pytest

from tests.mobile.native import building


def test_sanitisers_find_nothing(sanitised_programs: pathlib.Path, bundle: pathlib.Path):
  sha256 = building.golden(bundle).sha256['generator.tflite']
  done = building.run(sanitised_programs / 'contract', bundle, sha256)
  assert done.returncode == 0, done.stdout + done.stderr


def test_options_that_litert_refuses_are_freed(
  sanitised_programs: pathlib.Path, bundle: pathlib.Path
):
  done = building.run(sanitised_programs / 'refused_options', bundle / 'generator.tflite')
  assert done.returncode == 0, done.stdout + done.stderr
  assert 'LiteRT cannot run' in done.stdout


@pytest.mark.slow
def test_valgrind_finds_nothing(programs: pathlib.Path, bundle: pathlib.Path):
  building.need('valgrind')
  sha256 = building.golden(bundle).sha256['generator.tflite']
  checks = ['--leak-check=full', '--show-leak-kinds=definite,possible', '--error-exitcode=99']
  done = building.run('valgrind', *checks, programs / 'contract', bundle, sha256)
  assert done.returncode == 0, done.stdout + done.stderr
