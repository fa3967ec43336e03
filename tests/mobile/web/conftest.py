"""The page, built by npm and looked at with a real browser."""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tf_keras
from selenium.webdriver.remote.webdriver import WebDriver

from mobile import convert, self_test
from pipeline.latents import latents_from_seeds
from tests import chromium
from tests.mobile.web import browser

SOURCE = pathlib.Path(__file__).parents[3] / 'mobile/web'
_BUILD_S = 300
_OLDEST_NODE = (20, 19)
_UNREACHED = re.compile(
  'code (EAI_AGAIN|ENOTFOUND|ENETUNREACH|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT)'
)


def npm(*arguments: str, bundle: pathlib.Path | None = None) -> None:
  """Runs npm in mobile/web."""
  if not shutil.which('npm') or _node_version() < _OLDEST_NODE:
    pytest.skip('npm, or Node.js 20.19 or newer, is missing: install both (nodejs.org).')
  environment = os.environ | ({'BUNDLE': str(bundle)} if bundle else {})
  ended = subprocess.run(
    ['npm', *arguments], cwd=SOURCE, env=environment, capture_output=True, text=True,
    timeout=_BUILD_S, check=False,
  )  # fmt: skip
  if unreached := _UNREACHED.search(ended.stderr):
    pytest.skip(f"needs npm's registry: connect to it and run again. npm: {unreached[0]}")
  assert ended.returncode == 0, ended.stdout + ended.stderr


def _node_version() -> tuple[int, ...]:
  said = subprocess.run(['node', '--version'], capture_output=True, text=True, check=True).stdout
  return tuple(map(int, said.strip().removeprefix('v').split('.')))


@pytest.fixture(scope='session')
def packages() -> pathlib.Path:
  """mobile/web/node_modules, as package-lock.json has it; installed once for all processes."""
  folder = SOURCE / 'node_modules'
  with (SOURCE / 'package-lock.json').open() as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    installed = folder / '.package-lock.json'
    if not installed.exists() or installed.stat().st_mtime < os.fstat(lock.fileno()).st_mtime:
      npm('ci')
  return folder


@pytest.fixture(scope='session')
def lib(packages: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """The package as an app imports it: JavaScript files."""
  folder = tmp_path_factory.mktemp('package') / 'lib'
  npm('exec', '--', 'tsc', '-p', 'tsconfig.lib.json', '--outDir', str(folder))
  (folder / 'package.json').write_text('{"type": "module"}')
  return folder


@pytest.fixture(scope='session')
def dist(
  packages: pathlib.Path, bundle: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
  """The page with the default generator, untrained."""
  folder = tmp_path_factory.mktemp('page') / 'dist'
  written = f'{folder}/'  # as shells complete it
  npm('exec', '--', 'vite', 'build', '--outDir', written, bundle=bundle)
  return folder


@pytest.fixture(scope='session')
def colours(dist: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """The page with a generator of colour pictures, wider than high, that takes no label."""
  folder = tmp_path_factory.mktemp('colours') / 'dist'
  shutil.copytree(dist, folder)
  layers = [tf_keras.layers.Dense(8 * 12 * 3), tf_keras.layers.Reshape((8, 12, 3))]
  inputs = tf_keras.Input([16])
  outputs = tf_keras.layers.Activation('tanh')(layers[1](layers[0](inputs)))
  info = convert.GanInfo(
    latent_size=16, num_classes=0, class_names=(), image_shape=(8, 12, 3), version='0.1.0',
    golden_digest='cd34',
  )  # fmt: skip
  latents = latents_from_seeds(np.arange(50), 16).numpy()
  convert.export_tflite(
    folder / 'model',
    generator=tf_keras.Model([inputs], outputs),
    calibration=convert.Calibration(latents),
    info=info,
  )
  self_test.write(folder / 'model', latents, None)
  return folder


@pytest.fixture(scope='module')
def url(dist: pathlib.Path) -> Iterator[str]:
  with browser.serving(dist) as address:
    yield address


@pytest.fixture
def changed(dist: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  """A copy of the page whose model folder may be changed."""
  folder = tmp_path / 'changed'
  shutil.copytree(dist, folder)
  return folder


@pytest.fixture
def open_browser(tmp_path: pathlib.Path) -> Iterator[Callable[..., WebDriver]]:
  """Starts browsers, each with a profile of its own, and ends them."""
  drivers: list[WebDriver] = []

  def start(*arguments: Any, **options: Any) -> WebDriver:
    drivers.append(chromium.start(tmp_path, *arguments, **options))
    return drivers[-1]

  yield start
  for driver in drivers:
    driver.quit()
