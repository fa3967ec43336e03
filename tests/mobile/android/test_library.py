"""mobile/android on a plain JVM: its Kotlin and JNI code, with LiteRT's x86 library below."""

import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
from xml.etree import ElementTree

import ai_edge_litert
import numpy as np
import pytest

from pipeline.latents import latents_from_seeds

HERE = pathlib.Path(__file__).parent
ANDROID = HERE.parents[2] / 'mobile/android'
LITERT = pathlib.Path(ai_edge_litert.__file__).parent
PACKAGES = {  # Debian's, of programs
  'mvn': 'maven',
  'javac': 'openjdk-17-jdk-headless',
  'cmake': 'cmake',
  'cc': 'gcc',
  'make': 'make',
}
MISSING = [package for program, package in PACKAGES.items() if shutil.which(program) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f'needs `apt-get install {" ".join(MISSING)}`')
def test_kotlin_tests_pass_on_a_jvm(bundle: pathlib.Path, tmp_path: pathlib.Path):
  write_latents(tmp_path / 'latents.bin')
  build_native_library(tmp_path / 'native')
  properties = {
    'output': tmp_path / 'jvm',
    'native': tmp_path / 'native',
    'bundle': bundle,
    'latents': tmp_path / 'latents.bin',
  }
  run(['mvn', '--batch-mode', '--quiet', '-f', HERE / 'pom.xml', *definitions(properties), 'test'])
  # What -Xcheck:jni finds fails no test; Maven keeps what a JVM's native code writes.
  said = [path.read_text() for path in (tmp_path / 'jvm/surefire-reports').glob('*.dumpstream')]
  assert not said, said


def test_litert_is_the_version_that_is_tested_here():
  build_file = (ANDROID / 'generator/build.gradle.kts').read_text()
  version = importlib.metadata.version('ai-edge-litert')
  assert f'"com.google.ai.edge.litert:litert:{version}"' in build_file


def test_an_app_is_installed_only_where_the_module_runs():
  for file in ('generator/build.gradle.kts', 'app/build.gradle.kts', 'README.md'):
    assert 'ndk { abiFilters += listOf("arm64-v8a", "x86_64") }' in (ANDROID / file).read_text()


def test_the_wrapper_of_the_readme_is_the_one_of_the_folder():
  command = re.search(
    r'`gradle wrapper --gradle-version (.+?)`', (ANDROID / 'README.md').read_text()
  )
  properties = (ANDROID / 'gradle/wrapper/gradle-wrapper.properties').read_text()
  assert f'/gradle-{command[1]}-bin.zip' in properties


def test_manifest_and_resources_name_each_other():
  main = ANDROID / 'app/src/main'
  manifest = ElementTree.parse(main / 'AndroidManifest.xml').getroot()
  used = {value for element in manifest.iter() for value in element.attrib.values()}
  resources = [ElementTree.parse(path).getroot() for path in main.glob('res/values*/*.xml')]
  defined = {f'@{entry.tag}/{entry.get("name")}' for root in resources for entry in root}
  assert {name for name in used if name.startswith(('@string', '@style'))} == defined
  [activity] = (name for name in used if name.startswith('.'))
  assert (main / f'kotlin/forgeline/sample/{activity[1:]}.kt').exists()


def write_latents(path: pathlib.Path) -> None:
  """Seeds and their latents, as LatentsTest.kt reads them; each of the 4,096 quantiles is there."""
  corners = [0, 1, -1, 2**31, 2**32, 2**63 - 1, -(2**63)]
  seeds = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 1000)
  seeds[: len(corners)] = corners
  records = np.empty(len(seeds), [('seed', '<i8'), ('latent', '<f4', 100)])
  records['seed'], records['latent'] = seeds, latents_from_seeds(seeds, 100).numpy()
  assert len(np.unique(records['latent'])) == 4096
  records.tofile(path)


def build_native_library(folder: pathlib.Path) -> None:
  headers = pathlib.Path(shutil.which('javac')).resolve().parents[1] / 'include'
  settings = {
    'LITERT_DIR': LITERT,
    'CMAKE_BUILD_TYPE': 'Release',
    'CMAKE_C_FLAGS': f'-Werror -I{headers} -I{headers}/linux',
  }
  source = ANDROID / 'generator/src/main/cpp'
  run(['cmake', '-S', source, '-B', folder, *definitions(settings)])
  run(['cmake', '--build', folder])


def definitions(values: dict[str, str | pathlib.Path]) -> list[str]:
  return [f'-D{name}={value}' for name, value in values.items()]


def run(command: list[str | pathlib.Path]) -> None:
  done = subprocess.run(
    command,
    env={
      **os.environ,
      'LC_ALL': 'C.UTF-8',  # Java's file names
      'LD_LIBRARY_PATH': str(LITERT),
      'MAVEN_OPTS': '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC',  # halves the compiler's time
    },
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    check=False,
    timeout=500,
  )
  if unreached := re.search('.*(?:Could not|failed to) transfer.*', done.stdout):
    pytest.skip(f'needs Maven Central: connect to it and run again. mvn: {unreached[0]}')
  assert done.returncode == 0, done.stdout
