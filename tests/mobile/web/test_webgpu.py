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
  browser.wait_for_text(driver, 'gpu-note', 'WebGPU is not used: 1 of 16 pictures are wrong')
  assert driver.find_element(By.ID, 'result').get_attribute('class') == 'passed'
