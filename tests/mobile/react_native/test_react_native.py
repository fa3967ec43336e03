"""The hook against the types of the package that it uses, and what it does with a model."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).parents[3] / 'mobile/react_native'
TSC = FOLDER / 'node_modules/.bin/tsc'
SETTINGS = ('package.json', 'tsconfig.json')

pytestmark = pytest.mark.skipif(
  not TSC.is_file() or not shutil.which('node'),
  reason='no TypeScript: install Node.js 20 and run `npm ci --prefix mobile/react_native`',
)


@pytest.fixture
def copy(tmp_path: pathlib.Path) -> pathlib.Path:
  for name in SETTINGS:
    shutil.copy(FOLDER / name, tmp_path)
  shutil.copytree(FOLDER / 'src', tmp_path / 'src')
  (tmp_path / 'node_modules').symlink_to(FOLDER / 'node_modules')
  return tmp_path


def run(*command: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
  return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_types_are_right(copy: pathlib.Path):
  checked = run(TSC, '-p', copy)
  assert (checked.returncode, checked.stdout) == (0, '')


@pytest.mark.parametrize(
  ('file', 'right', 'wrong', 'said'),
  [
    ('generator.ts', 'model.runSync(values)', 'model.runSync([1])', 'ArrayBuffer'),
    ('generator.ts', "=== 'int32'", "=== 'int23'", 'no overlap'),
    ('useGenerator.ts', '(source, [])', "(source, ['gpu'])", 'TensorflowModelDelegate'),
  ],
)
def test_a_wrong_type_is_found(copy: pathlib.Path, file: str, right: str, wrong: str, said: str):
  text = (copy / 'src' / file).read_text()
  assert right in text
  (copy / 'src' / file).write_text(text.replace(right, wrong))
  checked = run(TSC, '-p', copy)
  assert checked.returncode != 0
  assert said in checked.stdout


def test_what_it_does_with_a_model(copy: pathlib.Path):
  """A model in Node.js that echoes the bytes it gets, in memory that it uses again."""
  flags = ('--noEmit', 'false', '--rootDir', copy / 'src', '--outDir', copy / 'lib')
  built = run(TSC, '-p', copy, *flags)
  assert (built.returncode, built.stdout) == (0, '')
  (copy / 'lib/package.json').write_text('{"type": "module"}')
  shutil.copy(pathlib.Path(__file__).with_name('echo.mjs'), copy / 'lib')
  ended = run('node', copy / 'lib/echo.mjs')
  assert ended.stderr == ''
  assert json.loads(ended.stdout) == {
    'latentSize': 2,
    'hasLabel': True,
    'first': {'height': 1, 'width': 3, 'channels': 4, 'label': 7, 'latent': [0.5, -2]},
    'second': {'height': 1, 'width': 3, 'channels': 4, 'label': 1, 'latent': [3, 4]},
    'unlabelled': [3, 4],
    'tests': [True, False, True, False, False],
    'refusals': [
      'The latent has 3 values, the model takes 2 (useGenerator).',
      'This model takes int8 [1,2], int32 [1] and makes int8 [1,1,3,4] (useGenerator).'
      " Use a bundle's generator.tflite.",
      *(
        f'The label is {label}, the model takes an int32 (useGenerator).'
        for label in ('NaN', '1.5', '4294967296')
      ),
      'golden.json is not that of other.tflite (selfTest). Copy both from one bundle.',
    ],
  }


def test_the_code_of_the_page_has_the_right_types(copy: pathlib.Path):
  page = (FOLDER / 'README.md').read_text()
  code = re.search(r'```tsx\n(.*?)```', page, re.DOTALL)[1]
  stand_ins = """
import type {ReactElement} from 'react';
declare function require(path: './golden.json'): Golden;
declare function require(path: string): number;
declare function ActivityIndicator(props: object): ReactElement;
declare function Text(props: {children: string}): ReactElement;
declare function Grey(props: {height: number; width: number; pixels: Uint8Array}): ReactElement;
"""
  (copy / 'src/page.tsx').write_text(stand_ins + code)
  checked = run(TSC, '-p', copy)
  assert (checked.returncode, checked.stdout) == (0, '')


def test_the_lock_names_no_registry():
  lock = json.loads((FOLDER / 'package-lock.json').read_text())
  packages = [entry for path, entry in lock['packages'].items() if path]
  assert packages
  assert all('integrity' in entry and 'resolved' not in entry for entry in packages)
