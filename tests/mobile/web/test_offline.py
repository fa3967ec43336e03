"""The page without its server, and when the server has a new version of it."""

import pathlib
import re
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.mobile.web import browser
from tests.mobile.web.golden import expected, spoil

pytestmark = pytest.mark.slow


def test_it_works_without_the_server(
  open_browser: Callable[..., WebDriver], dist: pathlib.Path, bundle: pathlib.Path
):
  driver = open_browser('phone', flags=browser.WEBGPU)
  with browser.serving(dist) as address:
    browser.open_page(driver, address)
  assert browser.kept(driver) == wanted_offline(dist)
  driver.execute_cdp_cmd('Network.clearBrowserCache', {})  # may hold what the worker forgot
  browser.open_page(driver, address)
  browser.wait_for_text(driver, 'result', 'Self-test passed')
  driver.find_element(By.CSS_SELECTOR, 'input[value="wasm"]').click()
  browser.fill(driver, label=8, seed=31)
  browser.wait_for_pictures(driver, 'Label 8, seed 46')
  np.testing.assert_array_equal(browser.pixels(driver, 0), expected(bundle, [31], [8])[0])
  driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').click()
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'right within one grey level')
  assert browser.complaints(driver) == []


def wanted_offline(dist: pathlib.Path) -> set[str]:
  """All files of the page but the worker, and the LiteRT of browsers that are slower."""
  files = {str(path.relative_to(dist)) for path in dist.rglob('*') if path.is_file()}
  return {file for file in files if '_compat_' not in file} - {'serviceWorker.js'} | {''}


class TidyingHost(browser.Handler):
  """As some hosts of static pages: redirects index.html to its folder, may answer as one asks."""

  def do_GET(self) -> None:  # noqa: N802 - named by http.server
    if not self.path.endswith('/index.html'):
      return super().do_GET()
    self.send_response(301)
    self.send_header('Location', self.path.removesuffix('index.html'))
    self.end_headers()
    return None

  def end_headers(self) -> None:
    self.send_header('Vary', 'Accept')
    super().end_headers()


def test_it_works_from_a_host_that_redirects_and_varies(
  open_browser: Callable[..., WebDriver], dist: pathlib.Path
):
  driver = open_browser('phone')
  with browser.serving(dist, TidyingHost) as address:
    browser.open_page(driver, address)
  driver.execute_cdp_cmd('Network.clearBrowserCache', {})
  for name in ('', 'index.html'):
    browser.open_page(driver, f'{address}{name}')


def test_pages_of_one_host_keep_their_files_apart(
  open_browser: Callable[..., WebDriver], dist: pathlib.Path, tmp_path: pathlib.Path
):
  versions = {'one': '1', 'two': '2'}
  for name, version in versions.items():
    shutil.copytree(dist, tmp_path / 'host' / name)
    set_version(tmp_path / 'host' / name, version)
  driver = open_browser('phone')
  with browser.serving(tmp_path / 'host') as address:
    driver.get(address)
    driver.execute_async_script("caches.open('another app').then(() => arguments[0]())")
    for name in versions:
      browser.open_page(driver, f'{address}{name}/')
  driver.execute_cdp_cmd('Network.clearBrowserCache', {})
  for name in versions:
    browser.open_page(driver, f'{address}{name}/')
    browser.wait_for_text(driver, 'result', 'Self-test passed')
  kept = [f'forgeline {address}{name}/ {version}' for name, version in versions.items()]
  assert browser.caches(driver) == ['another app', *kept]


def set_version(folder: pathlib.Path, version: str) -> None:
  """Makes the page a version of its own, as the build does when a file is another."""
  worker = folder / 'serviceWorker.js'
  text, number = re.subn('[0-9a-f]{16}', version, worker.read_text())
  assert number == 1
  worker.write_text(text)


def test_a_new_version_waits_until_it_is_asked_for(
  open_browser: Callable[..., WebDriver], changed: pathlib.Path
):
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    for _ in range(2):  # the second time, the worker answers
      browser.open_page(driver, address)
    old = golden_in_page(driver)
    for file in ('generator.tflite', 'generator_f16.tflite'):
      spoil(changed / 'model/golden.json', file)
    set_version(changed, 'f' * 16)
    driver.refresh()
    browser.wait_for_text(driver, 'update', 'A new version is here.')
    assert golden_in_page(driver) == old
    assert len(browser.caches(driver)) == 2
    tabs = [driver.current_window_handle, other_tab(driver, address)]
    browser.wait_for_text(driver, 'result', 'Self-test passed')
    driver.find_element(By.ID, 'reload').click()
  for tab in tabs:
    driver.switch_to.window(tab)
    WebDriverWait(driver, 60, ignored_exceptions=[WebDriverException]).until(
      lambda _: 'Self-test failed' in driver.find_element(By.ID, 'result').text,
      message='a page did not load the new version',
    )
    assert golden_in_page(driver) != old
    browser.wait_for_text(driver, 'facts', 'works offline')
    assert not driver.find_element(By.ID, 'update').is_displayed()
  assert browser.caches(driver) == [f'forgeline {address} {"f" * 16}']


def golden_in_page(driver: WebDriver) -> str:
  """golden.json as the open page gets it at this moment."""
  return driver.execute_async_script(
    "fetch('model/golden.json').then(response => response.text()).then(arguments[0])"
  )


def other_tab(driver: WebDriver, address: str) -> str:
  driver.switch_to.new_window('tab')
  browser.open_page(driver, address)
  return driver.current_window_handle


def test_a_file_that_can_not_be_kept_is_said(
  open_browser: Callable[..., WebDriver], changed: pathlib.Path
):
  driver = open_browser('phone')
  worker = changed / 'serviceWorker.js'
  complete = worker.read_text()
  worker.write_text(complete.replace('icon.svg,', 'icon.svg,lost.svg,'))
  with browser.serving(changed) as address:
    driver.get(address)
    browser.wait_for_text(driver, 'error', 'could not be kept for offline use')
    assert 'works offline' not in driver.find_element(By.ID, 'facts').text
    worker.write_text(complete)
    browser.open_page(driver, address)
