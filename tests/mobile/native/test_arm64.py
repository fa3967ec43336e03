"""The same bytes on ARM64 without SME: cross-compiled, under qemu, with the ARM64 library."""

import importlib.metadata
import pathlib
import shutil
import sys
import zipfile

import numpy as np
import pytest

from mobile import convert, model_files
from tests.mobile.native import building

SYSROOT = pathlib.Path('/usr/aarch64-linux-gnu')
# What Linux shows in /proc/cpuinfo of each; LiteRT's kernels are chosen by it.
_OLD = 'fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid'
_NEW = f'{_OLD} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp ssbs'
CPUS = {
  'cortex-a53': ('0xd03', _OLD),
  'cortex-a76': ('0xd0b', _NEW),
  'max': ('0xd0b', _NEW),  # has SME, which LiteRT asks the kernel about
}
SAME_CPUS = ('cortex-a53', 'cortex-a76')
CPUINFO = """processor\t: 0
BogoMIPS\t: 100.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 4
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope='session')
def arm64_programs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  building.need('cmake', 'make', 'aarch64-linux-gnu-gcc', 'qemu-aarch64-static')
  folder = tmp_path_factory.mktemp('arm64')
  return building.build(
    folder / 'build',
    litert(folder),
    '-DCMAKE_SYSTEM_NAME=Linux',
    '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
    '-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc',
  )


def litert(folder: pathlib.Path) -> pathlib.Path:
  """libLiteRt.so from the ARM64 wheel of the installed version."""
  wheel = f'ai-edge-litert=={importlib.metadata.version("ai-edge-litert")}'
  platform = ['--platform', 'manylinux_2_27_aarch64', '--only-binary=:all:', '--no-deps']
  command = [sys.executable, '-m', 'pip', 'download', wheel, *platform, '--dest', folder]
  done = building.run(*command)
  if done.returncode:
    said = done.stderr.splitlines()[-1]
    pytest.skip(f'needs PyPI, for LiteRT on ARM64: connect to it and run again. pip: {said}')
  with zipfile.ZipFile(next(folder.glob('*.whl'))) as archive:
    return pathlib.Path(archive.extract('ai_edge_litert/libLiteRt.so', folder))


@pytest.mark.parametrize('name', convert.FILES.values())
@pytest.mark.parametrize('cpu', SAME_CPUS)
def test_pixels_are_golden(
  cpu: str, name: str, arm64_programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  program = [*emulator(cpu, tmp_path), arm64_programs / 'library/generate_pixels']
  building.assert_golden(program, bundle, name, tmp_path)


def test_with_sme_the_float16_file_is_golden(
  arm64_programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  expected, name = building.golden(bundle), model_files.F16
  inputs = expected.latents[:1], expected.labels[:1]  # SME is emulated slowly
  program = [*emulator('max', tmp_path), arm64_programs / 'library/generate_pixels']
  pixels = building.generated(program, bundle / name, *inputs, tmp_path)
  difference = np.abs(pixels.astype(int) - expected.pixels[name][0].ravel())
  assert difference.max() <= expected.max_level_difference[name]


@pytest.mark.parametrize('name', [model_files.MAIN, model_files.I8])
def test_with_sme_integer_files_draw_other_pictures(
  name: str, arm64_programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  # When this fails, qemu or LiteRT is mended: take the warnings about SME out of mobile/native,
  # mobile/ios, mobile/bundle/readme.md.j2 and mobile/self_test.py, and add 'max' to SAME_CPUS.
  expected = building.golden(bundle)
  program = [*emulator('max', tmp_path), arm64_programs / 'library/generate_pixels']
  pixels = building.generated(program, bundle / name, expected.latents, expected.labels, tmp_path)
  difference = np.abs(pixels.astype(int) - expected.pixels[name].ravel())
  assert difference.max() > 16
  assert (difference > 0).mean() > 0.05


def test_the_header_keeps_its_promises(
  arm64_programs: pathlib.Path, bundle: pathlib.Path, tmp_path: pathlib.Path
):
  sha256 = building.golden(bundle).sha256['generator.tflite']
  program = [*emulator('cortex-a53', tmp_path), arm64_programs / 'contract']
  done = building.run(*program, bundle, sha256)
  assert done.returncode == 0, done.stdout + done.stderr


def emulator(cpu: str, folder: pathlib.Path) -> list[str | pathlib.Path]:
  """qemu with a root of its own: LiteRT crashes when /proc/cpuinfo describes the host."""
  root = folder / 'root'
  (root / 'proc').mkdir(parents=True)
  (root / 'lib').symlink_to(SYSROOT / 'lib')
  part, features = CPUS[cpu]
  (root / 'proc/cpuinfo').write_text(CPUINFO.format(part=part, features=features))
  return [shutil.which('qemu-aarch64-static') or '', '-cpu', cpu, '-L', root]
