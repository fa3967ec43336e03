"""The page in a real browser, as a phone and as a desktop computer."""

import base64
import io
import json
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator

import numpy as np
import PIL.Image
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from mobile import replay
from pipeline.latents import latents_from_seeds
from tests import chromium
from tests.mobile.web import browser

pytestmark = pytest.mark.slow
_PICTURES = 16


@pytest.fixture(scope='module')
def url(dist: pathlib.Path) -> Iterator[str]:
  with browser.serving(dist) as address:
    yield address


@pytest.fixture(scope='module', params=chromium.SIZES)
def opened(
  request: pytest.FixtureRequest, url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WebDriver, pathlib.Path]]:
  """A browser for several tests, and the folder where its downloads go."""
  folder = tmp_path_factory.mktemp('browser')
  driver = chromium.start(folder, request.param)
  yield driver, folder
  driver.quit()


@pytest.fixture
def driver(opened: tuple[WebDriver, pathlib.Path], url: str) -> Iterator[WebDriver]:
  """The page as it begins; afterwards, no error may be in the console."""
  browser.open_page(opened[0], url)
  yield opened[0]
  assert browser.complaints(opened[0]) == []


def expected(bundle: pathlib.Path, seeds: list[int], labels: list[int]) -> np.ndarray:
  """What Python makes of seeds and labels."""
  latents = latents_from_seeds(np.array(seeds), 100).numpy()
  return replay.Generator(bundle / 'generator.tflite').pixels(latents, np.array(labels))


def test_seeds_and_labels_give_the_pictures_of_python(driver: WebDriver, bundle: pathlib.Path):
  for seed in (1, -20, 2**40 + 5):
    browser.fill(driver, label='all', seed=seed)
    last = seed + _PICTURES - 1
    browser.wait_for_pictures(driver, f'Label 5, seed {last}')
    wanted = expected(bundle, list(range(seed, last + 1)), [i % 10 for i in range(_PICTURES)])
    seen = np.stack([browser.pixels(driver, i) for i in range(_PICTURES)])
    np.testing.assert_array_equal(seen, wanted)


def test_a_label_is_chosen_by_touch_and_by_key(driver: WebDriver, bundle: pathlib.Path):
  driver.find_element(By.CSS_SELECTOR, '#labels input[value="3"]').click()
  browser.wait_for_pictures(driver, 'Label 3, seed 16')
  driver.find_element(By.TAG_NAME, 'body').send_keys('7')
  browser.wait_for_pictures(driver, 'Label 7, seed 16')
  np.testing.assert_array_equal(browser.pixels(driver, 0), expected(bundle, [1], [7])[0])


def test_the_slider_leads_from_one_seed_to_the_other(driver: WebDriver, bundle: pathlib.Path):
  driver.find_element(By.ID, 'second').clear()
  driver.find_element(By.ID, 'second').send_keys('500')
  slider = driver.find_element(By.ID, 'way')
  slider.send_keys(Keys.HOME, *[Keys.ARROW_RIGHT] * 50)
  browser.wait_for_text(driver, 'percent', '50 %')
  browser.wait_for_pictures(driver, 'Label 5, seed 16, 50 % of the way')
  middle = browser.pixels(driver, 0)
  ends = expected(bundle, [1, 500], [0, 0])
  assert all(np.abs(middle.astype(int) - end).max() > 8 for end in ends)
  slider.send_keys(Keys.END)
  browser.wait_for_pictures(driver, 'Label 5, seed 16, 100 % of the way')
  np.testing.assert_array_equal(browser.pixels(driver, 0), ends[1])


def test_keys_alone_are_enough(driver: WebDriver):
  reached = []
  driver.find_element(By.TAG_NAME, 'body').send_keys(Keys.TAB)
  for _ in range(9):
    focused = driver.switch_to.active_element
    reached.append(focused.get_attribute('id') or focused.get_attribute('name') or 'picture')
    focused.send_keys(Keys.TAB)
  order = ['picture', 'label', 'seed', 'dice', 'second', 'second-dice', 'way', 'download', 'test']
  assert reached == order
  first, second = browser.tiles(driver)[:2]
  first.send_keys(Keys.ARROW_RIGHT)
  assert driver.switch_to.active_element == second
  second.send_keys(Keys.SPACE)
  assert second.get_attribute('aria-pressed') == 'true'


def test_random_seeds_differ(driver: WebDriver):
  seed = driver.find_element(By.ID, 'seed')
  seen = {seed.get_attribute('value')}
  driver.find_element(By.ID, 'dice').click()
  seen.add(seed.get_attribute('value'))
  driver.find_element(By.TAG_NAME, 'body').send_keys('r')
  seen.add(seed.get_attribute('value'))
  assert len(seen) == 3


def test_a_seed_that_is_no_number_changes_nothing(driver: WebDriver):
  browser.fill(driver, seed='seven')
  browser.fill(driver, label='2')
  assert driver.switch_to.active_element.get_attribute('id') == 'seed'
  browser.fill(driver, seed='7')
  browser.wait_for_pictures(driver, 'Label 2, seed 22')


def test_the_download_is_the_pictures_pixel_for_pixel(
  driver: WebDriver, opened: tuple[WebDriver, pathlib.Path], bundle: pathlib.Path
):
  browser.fill(driver, label=4, seed=6)
  browser.wait_for_pictures(driver, 'Label 4, seed 21')
  wanted = expected(bundle, list(range(6, 22)), [4] * _PICTURES)[..., 0]
  all_of_them = wanted.reshape(4, 4, 28, 28).swapaxes(1, 2).reshape(112, 112)
  seen = downloaded(driver, opened[1] / 'forgeline-label-4-seed-6.png')
  np.testing.assert_array_equal(seen, all_of_them)
  browser.tiles(driver)[9].click()
  seen = downloaded(driver, opened[1] / 'forgeline-label-4-seed-15.png')
  np.testing.assert_array_equal(seen, wanted[9])


def downloaded(driver: WebDriver, path: pathlib.Path) -> np.ndarray:
  """The grey levels of the file that the button saves."""
  path.unlink(missing_ok=True)
  driver.find_element(By.ID, 'download').click()
  WebDriverWait(driver, 60).until(lambda _: path.is_file() and path.stat().st_size)
  with PIL.Image.open(path) as picture:
    return np.asarray(picture.convert('L'))


def test_the_self_test_shows_its_result(driver: WebDriver):
  driver.execute_script("document.getElementById('result').textContent = ''")
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'Self-test passed: 16 of 16 pictures are right to the')


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_it_is_accessible(driver: WebDriver, packages: pathlib.Path, scheme: str):
  features = [{'name': 'prefers-color-scheme', 'value': scheme}]
  driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': features})
  background = driver.execute_script('return getComputedStyle(document.body).backgroundColor')
  levels = [int(x) for x in background.removeprefix('rgb(').removesuffix(')').split(',')]
  assert (max(levels) < 64) == (scheme == 'dark')
  driver.execute_script((packages / 'axe-core/axe.min.js').read_text(encoding='utf-8'))
  found = driver.execute_async_script('axe.run().then(arguments[0])')
  assert [(v['id'], [n['html'] for n in v['nodes']]) for v in found['violations']] == []
  assert len(found['passes']) > 15


def test_nothing_is_wider_than_the_window(driver: WebDriver):
  script = 'return document.documentElement.scrollWidth - document.documentElement.clientWidth'
  assert driver.execute_script(script) <= 0


def test_it_can_be_installed(driver: WebDriver):
  found = driver.execute_cdp_cmd('Page.getInstallabilityErrors', {})['installabilityErrors']
  assert [error['errorId'] for error in found if error['errorId'] != 'in-incognito'] == []


def test_it_works_without_the_server(
  open_browser: Callable[..., WebDriver], dist: pathlib.Path, bundle: pathlib.Path
):
  driver = open_browser('phone')
  with browser.serving(dist) as address:
    browser.open_page(driver, address)
  driver.refresh()
  browser.wait_for_text(driver, 'result', 'Self-test passed')
  browser.fill(driver, label=8, seed=31)
  browser.wait_for_pictures(driver, 'Label 8, seed 46')
  np.testing.assert_array_equal(browser.pixels(driver, 0), expected(bundle, [31], [8])[0])


def test_sharing_hands_over_a_large_picture(open_browser: Callable[..., WebDriver], url: str):
  driver = open_browser('phone')
  driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': _SHARING})
  browser.open_page(driver, url)
  browser.tiles(driver)[2].click()
  driver.find_element(By.ID, 'share').click()
  name, text = WebDriverWait(driver, 60).until(lambda _: driver.execute_script('return shared'))
  assert name == 'forgeline-label-2-seed-3.png'
  with PIL.Image.open(io.BytesIO(base64.b64decode(text))) as picture:
    large = np.asarray(picture.convert('L'))
  small = browser.pixels(driver, 2)[..., 0]
  np.testing.assert_array_equal(large, small.repeat(36, axis=0).repeat(36, axis=1))


# Chromium on Linux has no Web Share API: this is one that keeps what it was given.
_SHARING = """
globalThis.shared = null;
navigator.canShare = () => true;
navigator.share = async ({files: [file]}) => {
  const bytes = new Uint8Array(await file.arrayBuffer());
  shared = [file.name, btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))];
};
"""


@pytest.fixture
def changed(dist: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  """A copy of the page whose model folder may be changed."""
  folder = tmp_path / 'changed'
  shutil.copytree(dist, folder)
  return folder


def spoil(golden_path: pathlib.Path, file: str) -> None:
  """Makes one pixel of one golden picture another."""
  golden = json.loads(golden_path.read_text())
  pixels = bytearray(base64.b64decode(golden['models'][file]['pixels']))
  pixels[3 * 28 * 28 + 400] ^= 0x40
  golden['models'][file]['pixels'] = base64.b64encode(pixels).decode()
  golden_path.write_text(json.dumps(golden))


def test_a_wrong_picture_is_seen(open_browser: Callable[..., WebDriver], changed: pathlib.Path):
  spoil(changed / 'model/golden.json', 'generator.tflite')
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    browser.open_page(driver, address)
  result = driver.find_element(By.ID, 'result')
  assert result.text == 'Self-test failed: 1 of 16 pictures are wrong, by up to 64 grey levels.'
  assert result.is_displayed()
  assert result.get_attribute('class') == 'failed'


def test_a_new_version_takes_over(open_browser: Callable[..., WebDriver], changed: pathlib.Path):
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    browser.open_page(driver, address)
    browser.wait_for_text(driver, 'result', 'Self-test passed')
    spoil(changed / 'model/golden.json', 'generator.tflite')
    worker = changed / 'serviceWorker.js'
    worker.write_text(re.sub('forgeline-[0-9a-f]{16}', 'forgeline-0000', worker.read_text()))
    driver.refresh()  # still the old version, while the new worker loads its files
    kept = "return caches.keys().then(names => names.join() === 'forgeline-0000')"
    WebDriverWait(driver, 60).until(lambda _: driver.execute_script(kept))
  driver.refresh()
  browser.wait_for_text(driver, 'result', 'Self-test failed')


def test_colour_pictures_without_labels(
  open_browser: Callable[..., WebDriver], colours: pathlib.Path, tmp_path: pathlib.Path
):
  driver = open_browser('phone')
  with browser.serving(colours) as address:
    browser.open_page(driver, address)
  browser.wait_for_text(driver, 'result', 'Self-test passed')
  assert not driver.find_element(By.ID, 'labels').is_displayed()
  browser.fill(driver, seed=20)
  browser.wait_for_pictures(driver, 'Seed 35')
  browser.tiles(driver)[1].click()
  downloaded(driver, tmp_path / 'forgeline-seed-21.png')
  latents = latents_from_seeds(np.arange(20, 36), 16).numpy()
  wanted = replay.Generator(colours / 'model/generator.tflite').pixels(latents, None)
  seen = np.stack([browser.pixels(driver, i, channels=3) for i in range(_PICTURES)])
  np.testing.assert_array_equal(seen, wanted)
  assert len(np.unique(seen)) > 100


def test_another_model_is_named(open_browser: Callable[..., WebDriver], changed: pathlib.Path):
  shutil.copy(changed / 'model/generator_f16.tflite', changed / 'model/generator.tflite')
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    browser.open_page(driver, address)
  browser.wait_for_text(driver, 'result', 'generator.tflite is not the file that golden.json was')


def test_a_file_that_is_no_model_is_said(
  open_browser: Callable[..., WebDriver], changed: pathlib.Path
):
  (changed / 'model/generator.tflite').write_bytes(b'<html>not found</html>')
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    driver.get(address)
    browser.wait_for_text(driver, 'error', 'These bytes are no TFLite model.')
    (changed / 'model/generator.tflite').unlink()
    driver.get(address)
    browser.wait_for_text(driver, 'error', 'model/generator.tflite could not be loaded: HTTP 404.')


def test_webgpu_is_offered_where_it_is_right(
  open_browser: Callable[..., WebDriver], url: str, bundle: pathlib.Path
):
  driver = open_browser('phone', flags=browser.WEBGPU)
  browser.open_page(driver, url)
  browser.fill(driver, label=8, seed=31)
  driver.find_element(By.CSS_SELECTOR, 'input[value="webgpu"]').click()
  driver.find_element(By.ID, 'test').click()
  browser.wait_for_text(driver, 'result', 'right within one grey level')  # after the pictures
  exact = expected(bundle, [31], [8])[0]
  apart = np.abs(browser.pixels(driver, 0).astype(int) - exact)
  assert 0 < apart.max() <= 64
  assert apart.mean() < 4


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
