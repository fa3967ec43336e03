"""The page where the browser has WebGPU: here, computed by the CPU."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.mobile.web import browser
from tests.mobile.web.golden import expected, spoil

pytestmark = pytest.mark.slow
_NO_MEMORY = "GPUBuffer.prototype.mapAsync = async () => { throw new Error('no memory'); }"


def test_webgpu_is_offered_where_it_is_right(
  open_browser: Callable[..., WebDriver], url: str, bundle: pathlib.Path
):
  driver = open_browser('phone', flags=browser.WEBGPU)
  browser.open_page(driver, url)
  browser.fill(driver, label=8, seed=31)
  driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').click()
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'right within one grey level')  # after the pictures
  seen = np.stack([browser.pixels(driver, i) for i in range(16)]).astype(int)
  samples = list(range(31, 47)), [8] * 16
  assert np.abs(seen - expected(bundle, *samples, file='generator_f16.tflite')).max() <= 1
  assert np.abs(seen - expected(bundle, *samples)).max() > 1  # not WebAssembly's


def test_webgpu_is_refused_where_it_is_wrong(
  open_browser: Callable[..., WebDriver], changed: pathlib.Path
):
  spoil(changed / 'model/golden.json', 'generator_f16.tflite')
  driver = open_browser('phone', flags=browser.WEBGPU)
  with browser.serving(changed) as address:
    browser.open_page(driver, address)
  assert not driver.find_element(By.ID, 'processor').is_displayed()
  browser.wait_for_text(driver, 'gpu-note', 'WebGPU is not used: 1 of 16 pictures of generator_f16')
  assert driver.find_element(By.ID, 'result').get_attribute('class') == 'passed'


def test_webgpu_begins_where_webassembly_is_wrong(
  open_browser: Callable[..., WebDriver], url: str, bundle: pathlib.Path
):
  driver = open_browser('phone', flags=browser.WEBGPU)
  script = {'source': _WRONG_IN_WEBASSEMBLY}
  driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', script)
  browser.open_page(driver, url)
  assert driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').is_selected()
  browser.wait_for_text(driver, 'result', 'passed: 16 of 16 pictures are right within one grey')
  note = driver.find_element(By.ID, 'model-note').text
  assert note.startswith('WebAssembly is wrong here: 16 of 16 pictures of generator.tflite are')
  assert '16 of 16 pictures of generator_f16.tflite are wrong' in note
  seen = np.stack([browser.pixels(driver, i) for i in range(16)]).astype(int)
  wanted = expected(bundle, [*range(1, 17)], [i % 10 for i in range(16)], 'generator_f16.tflite')
  assert np.abs(seen - wanted).max() <= 1


# A picture leaves the GPU through mapAsync; both then leave LiteRT's memory through slice.
_WRONG_IN_WEBASSEMBLY = """
let isFromGpu = false;
const {mapAsync} = GPUBuffer.prototype;
GPUBuffer.prototype.mapAsync = function (...range) {
  isFromGpu = true;
  return mapAsync.apply(this, range);
};
const {slice} = Uint8Array.prototype;
Uint8Array.prototype.slice = function (...range) {
  const copy = slice.apply(this, range);
  if (copy.length === 28 * 28) {
    if (!isFromGpu) copy[400] ^= 0x40;
    isFromGpu = false;
  }
  return copy;
};
"""


@pytest.mark.parametrize(
  ('failure', 'reason'),
  [
    ('device.destroy()', 'Device was destroyed.'),
    (_NO_MEMORY, 'no memory'),
  ],
)
def test_webassembly_goes_on_where_webgpu_fails(
  open_browser: Callable[..., WebDriver],
  url: str,
  bundle: pathlib.Path,
  failure: str,
  reason: str,
):
  driver = open_browser('phone', flags=browser.WEBGPU)
  driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': _KEEPING_THE_DEVICE})
  browser.open_page(driver, url)
  driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').click()
  driver.execute_script(failure)
  for seed in (31, 32):
    browser.fill(driver, label=8, seed=seed)
    browser.wait_for_pictures(driver, f'Label 8, seed {seed + 15}')
    driver.find_element(By.ID, 'test').click()
    browser.wait_for_text(driver, 'result', 'right to the byte')
    seen = np.stack([browser.pixels(driver, i) for i in range(16)])
    np.testing.assert_array_equal(seen, expected(bundle, [*range(seed, seed + 16)], [8] * 16))
  assert driver.find_element(By.CSS_SELECTOR, 'input[value="wasm"]').is_selected()
  assert not driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').is_enabled()
  note = f'WebGPU is not used until the page is loaded again: {reason}'
  browser.wait_for_text(driver, 'gpu-note', note)
  assert driver.find_element(By.ID, 'error').text == ''


def test_a_self_test_goes_on_where_webgpu_fails(open_browser: Callable[..., WebDriver], url: str):
  driver = open_browser('phone', flags=browser.WEBGPU)
  browser.open_page(driver, url)
  driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').click()
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'right within one grey level')
  driver.execute_script(_NO_MEMORY)
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'right to the byte')
  assert driver.find_element(By.ID, 'error').text == ''


def test_pictures_on_display_are_those_of_the_processor_that_is_left(
  open_browser: Callable[..., WebDriver], url: str, bundle: pathlib.Path
):
  driver = open_browser('phone', flags=browser.WEBGPU)
  driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': _KEEPING_THE_DEVICE})
  browser.open_page(driver, url)
  driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').click()
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'right within one grey level')
  driver.execute_script('device.destroy()')
  browser.wait_for_text(driver, 'gpu-note', 'Device was destroyed.')
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'right to the byte')  # after the pictures
  np.testing.assert_array_equal(browser.pixels(driver, 0), expected(bundle, [1], [0])[0])


_KEEPING_THE_DEVICE = """
const {requestDevice} = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...options) {
  return (globalThis.device = await requestDevice.apply(this, options));
};
"""
