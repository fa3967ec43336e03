"""Chromium, as a phone or as a desktop computer; BUILD.md says how to get it."""

import pathlib
import shutil
import tempfile

import pytest
from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

MISSING = "chromedriver is missing: install Debian's chromium and chromium-driver."
SIZES = {'phone': (390, 844), 'desktop': (1280, 800)}
_FLAGS = (
  '--headless=new',
  '--no-sandbox',  # CI runs as root
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
)


def start(folder: pathlib.Path, size: str = 'phone', flags: tuple[str, ...] = ()) -> WebDriver:
  """A browser of its own profile that saves downloads in `folder`; quit() ends it."""
  if not (chromedriver := shutil.which('chromedriver')):
    pytest.skip(MISSING)
  options, profile = webdriver.ChromeOptions(), tempfile.mkdtemp(prefix='profile', dir=folder)
  for flag in (*_FLAGS, *flags, f'--user-data-dir={profile}'):
    options.add_argument(flag)
  options.add_experimental_option('prefs', {'download.default_directory': str(folder)})
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  width, height = SIZES[size]
  if size == 'phone':
    metrics = {'width': width, 'height': height, 'pixelRatio': 2, 'touch': True}
    options.add_experimental_option('mobileEmulation', {'deviceMetrics': metrics})
  driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
  driver.set_window_size(width, height)
  driver.set_script_timeout(120)
  return driver
