"""The page, in a real browser."""

import base64
import io
import json
import pathlib
import re
import urllib.request
from collections.abc import Iterator

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from pipeline import latents
from serving.server import gallery
from serving.server.ports import free_ports
from tests import chromium
from tests.serving.server import live

PAGE = gallery._FILE.read_text(encoding='utf-8')
_WAIT_S = 60


def test_it_loads_nothing_from_elsewhere():
  assert not re.findall(r'(?:https?:)?//[a-z]', re.sub(r'//.*', '', PAGE))
  assert not re.findall(r'(?:src|href)=', PAGE)


def test_it_knows_the_table_of_latents():
  text = re.search(r'<script id="quantiles" type="text/plain">(.+?)</script>', PAGE)[1]
  upper = np.frombuffer(base64.b64decode(text), '<f4')
  np.testing.assert_array_equal(upper, latents.quantile_table()[len(upper) :])


def test_names_of_models_can_not_leave_their_script():
  page = gallery.page(['b', 'a</script>'])
  text = re.search(r'<script id="models" type="application/json">(.+?)</script>', page)[1]
  assert json.loads(text) == ['a</script>', 'b']


@pytest.fixture(scope='module')
def silent_model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """Takes any label, and so never tells which there are."""
  path = tmp_path_factory.mktemp('silent')
  module = tf.Module()
  module.from_latent = tf.function(
    lambda latent, label: {'images': tf.zeros([tf.shape(latent)[0], 2, 2, 1])},
    input_signature=[
      tf.TensorSpec([None, 3], tf.float32, 'latent'),
      tf.TensorSpec([None], tf.int64, 'label'),
    ],
  )
  tf.saved_model.save(
    module, str(path), {'from_latent': module.from_latent.get_concrete_function()}
  )
  return path


@pytest.fixture(scope='module')
def port(
  saved_model: pathlib.Path, silent_model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
  base = tmp_path_factory.mktemp('base')
  models = {'tiny': saved_model, 'untold': silent_model}
  for name, path in models.items():
    (base / name).mkdir()
    (base / name / '3').symlink_to(path)
  config = base / 'models.config'
  config.write_text(live.config(**{name: base / name for name in models}))
  (free,) = free_ports(1)
  flags = ('--port=0', f'--rest_api_port={free}', f'--model_config_file={config}')
  with live.Process(*flags, '--enable_gallery'):
    yield free


@pytest.fixture(params=chromium.SIZES)
def browser(
  request: pytest.FixtureRequest, port: int, tmp_path: pathlib.Path
) -> Iterator[WebDriver]:
  driver = chromium.start(tmp_path, request.param)
  try:
    driver.set_script_timeout(_WAIT_S)
    driver.get(f'http://localhost:{port}/')
    WebDriverWait(driver, _WAIT_S).until(
      lambda _: '24 images' in driver.find_element(By.ID, 'facts').text
    )
    yield driver
  finally:
    driver.quit()


def fill(browser: WebDriver, **values: object) -> None:
  """Sets fields as a hand does, with the events that follow, and waits for what the last draws."""
  browser.execute_script(
    'const first = make; make = () => window.drawn = first(); window.drawn = undefined'
  )
  for name, value in values.items():
    browser.execute_script(
      'const field = document.forms[0].elements[arguments[0]]; field.value = arguments[1];'
      "field.dispatchEvent(new Event('input', {bubbles: true}));"
      "field.dispatchEvent(new Event('change', {bubbles: true}))",
      name,
      str(value),
    )
  browser.execute_async_script('window.drawn.then(arguments[0])')
  assert len(captions(browser)) == values['count']


def pixels(browser: WebDriver, index: int) -> np.ndarray:
  """The red channel of a canvas: uint8 [H, W]."""
  script = (
    "const canvas = document.querySelectorAll('#grid canvas')[arguments[0]];"
    "const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
    'return [canvas.height, canvas.width, Array.from(data).filter((_, i) => i % 4 === 0)]'
  )
  height, width, values = browser.execute_script(script, index)
  return np.array(values, np.uint8).reshape(height, width)


def of_server(port: int, seed: int, label: int) -> np.ndarray:
  """The picture that the server draws by itself."""
  body = json.dumps({'inputs': {'seed': [seed], 'label': [label]}}).encode()
  url = f'http://localhost:{port}/v1/models/tiny:predict'
  with urllib.request.urlopen(url, body, timeout=_WAIT_S) as reply:
    png = base64.b64decode(json.load(reply)['outputs'][0]['b64'])
  return np.asarray(PIL.Image.open(io.BytesIO(png)).convert('L'))


@pytest.mark.slow
def test_a_seed_and_a_label_give_the_picture_of_the_server(browser: WebDriver, port: int):
  assert 'tiny · version 3 · 24 images' in browser.find_element(By.ID, 'facts').text
  for seed in (7, -2, 2**40 + 5):
    fill(browser, label=2, seed=seed, count=1)
    apart = pixels(browser, 0).astype(int) - of_server(port, seed, 2)
    assert np.abs(apart).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize('second', [9, 0])
def test_two_seeds_are_the_ends_of_a_way(browser: WebDriver, port: int, second: int):
  fill(browser, label=1, seed=5, second=second, count=8)
  for index, seed in ((0, 5), (7, second)):
    apart = pixels(browser, index).astype(int) - of_server(port, seed, 1)
    assert np.abs(apart).max() <= 1
  assert np.abs(pixels(browser, 4).astype(int) - pixels(browser, 0)).max() > 1


@pytest.mark.slow
def test_no_truncation_left_is_one_picture_for_all(browser: WebDriver):
  fill(browser, label=0, seed=1, truncation=0, count=3)
  np.testing.assert_array_equal(pixels(browser, 0), pixels(browser, 2))


@pytest.mark.slow
def test_keys_alone_are_enough(browser: WebDriver):
  seed = browser.find_element(By.NAME, 'seed')
  seed.send_keys(Keys.CONTROL, 'a')
  seed.send_keys('41', Keys.ENTER)
  caption = '#grid li:first-child'
  redrawn = [StaleElementReferenceException]  # between finding the caption and reading it
  WebDriverWait(browser, _WAIT_S, ignored_exceptions=redrawn).until(
    lambda _: browser.find_element(By.CSS_SELECTOR, caption).text == '0 · seed 41'
  )
  reached = set()
  for _ in range(12):
    focused = browser.switch_to.active_element
    reached.add(focused.get_attribute('name') or focused.get_attribute('id'))
    focused.send_keys(Keys.TAB)
  assert {'second', 'count', 'truncation', 'submit', 'dice', 'download'} <= reached


@pytest.mark.slow
def test_the_download_is_one_picture_of_all(browser: WebDriver, tmp_path: pathlib.Path):
  fill(browser, label=0, seed=6, count=4)
  browser.find_element(By.ID, 'download').click()
  path = tmp_path / 'tiny-6.png'
  WebDriverWait(browser, _WAIT_S).until(lambda _: path.is_file())
  height, width = pixels(browser, 0).shape
  with PIL.Image.open(path) as picture:
    assert picture.size == (2 * width, 2 * height)


@pytest.mark.slow
def test_what_the_server_refuses_is_said(browser: WebDriver):
  browser.execute_script("document.forms[0].label.add(new Option('9', 9))")
  browser.execute_script("document.forms[0].label.value = '9'")
  browser.find_element(By.ID, 'submit').click()
  WebDriverWait(browser, _WAIT_S).until(
    lambda _: 'label is outside the 3 classes' in browser.find_element(By.ID, 'error').text
  )


@pytest.mark.slow
def test_captions_tell_label_and_seed_or_the_way_between_two(browser: WebDriver):
  fill(browser, label='all', seed=8, count=5)
  assert captions(browser) == [
    '0 · seed 8',
    '1 · seed 9',
    '2 · seed 10',
    '0 · seed 11',
    '1 · seed 12',
  ]
  fill(browser, second=1, count=3)
  assert captions(browser) == ['0 %', '50 %', '100 %']
  fill(browser, count=1)
  assert captions(browser) == ['50 %']


def captions(browser: WebDriver) -> list[str]:
  return [tile.text for tile in browser.find_elements(By.CSS_SELECTOR, '#grid li')]


@pytest.mark.slow
def test_labels_that_the_model_does_not_tell_are_not_invented(browser: WebDriver):
  browser.find_element(By.CSS_SELECTOR, 'option[value="untold"]').click()
  WebDriverWait(browser, _WAIT_S).until(
    lambda _: 'does not say which labels it has' in browser.find_element(By.ID, 'error').text
  )


@pytest.mark.slow
def test_nothing_is_wider_than_the_window(browser: WebDriver):
  script = 'return document.documentElement.scrollWidth - document.documentElement.clientWidth'
  assert browser.execute_script(script) <= 0
