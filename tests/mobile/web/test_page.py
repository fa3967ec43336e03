"""The page in a real browser, as a phone and as a desktop computer."""

import base64
import io
import pathlib
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
from tests.mobile.web.golden import expected, spoil

pytestmark = pytest.mark.slow
_PICTURES = 16


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
  browser.tiles(driver)[0].send_keys('7')
  browser.wait_for_pictures(driver, 'Label 7, seed 16')
  np.testing.assert_array_equal(browser.pixels(driver, 0), expected(bundle, [1], [7])[0])
  browser.tiles(driver)[0].send_keys('A')  # as CapsLock makes it
  browser.wait_for_pictures(driver, 'Label 5, seed 16')


def test_single_keys_mean_something_on_pictures_alone(driver: WebDriver):
  before = browser.values(driver)
  for reached in (By.TAG_NAME, 'body'), (By.ID, 'download'), (By.ID, 'way'):
    driver.find_element(*reached).send_keys('7ra')
  assert browser.values(driver) == before


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
  browser.tiles(driver)[0].send_keys('r')
  seen.add(seed.get_attribute('value'))
  assert len(seen) == 3


def test_a_seed_that_is_no_number_changes_nothing(driver: WebDriver):
  browser.fill(driver, seed='seven')
  browser.fill(driver, label='2')
  assert driver.switch_to.active_element.get_attribute('id') == 'seed'
  browser.fill(driver, seed='7')
  browser.wait_for_pictures(driver, 'Label 2, seed 22')


def test_every_seed_of_64_bits_can_be_typed(driver: WebDriver, bundle: pathlib.Path):
  most = 2**63 - 1
  for seed, seeds in ((-most - 1, [-most - 1]), (most, [most, -most - 1])):
    browser.fill(driver, label=3, seed=seed)
    browser.wait_for_pictures(driver, f'Label 3, seed {(seed + 15 + 2**63) % 2**64 - 2**63}')
    wanted = expected(bundle, seeds, [3] * len(seeds))
    seen = np.stack([browser.pixels(driver, i) for i in range(len(seeds))])
    np.testing.assert_array_equal(seen, wanted)
  browser.fill(driver, seed=most + 1)
  field = driver.find_element(By.ID, 'seed')
  said = driver.execute_script('return arguments[0].validationMessage', field)
  assert said == f'A whole number from {-most - 1} to {most}.'


def test_the_download_is_the_pictures_pixel_for_pixel(
  driver: WebDriver, opened: tuple[WebDriver, pathlib.Path], bundle: pathlib.Path
):
  browser.fill(driver, label=4, seed=6)
  browser.wait_for_pictures(driver, 'Label 4, seed 21')
  wanted = expected(bundle, list(range(6, 22)), [4] * _PICTURES)[..., 0]
  seen = downloaded(driver, opened[1] / 'forgeline-label-4-seed-6.png')
  np.testing.assert_array_equal(seen, side_by_side(wanted))
  browser.tiles(driver)[9].click()
  assert driver.find_element(By.ID, 'download').text == 'Download picture'
  seen = downloaded(driver, opened[1] / 'forgeline-label-4-seed-15.png')
  np.testing.assert_array_equal(seen, wanted[9])


def test_a_download_has_the_name_of_what_is_seen(
  driver: WebDriver, opened: tuple[WebDriver, pathlib.Path], bundle: pathlib.Path
):
  browser.fill(driver, label=4, seed=6)
  browser.wait_for_pictures(driver, 'Label 4, seed 21')
  wanted = expected(bundle, list(range(6, 22)), [4] * _PICTURES)[..., 0]
  browser.fill(driver, seed='seven')
  seen = downloaded(driver, opened[1] / 'forgeline-label-4-seed-6.png')
  np.testing.assert_array_equal(seen, side_by_side(wanted))
  browser.tiles(driver)[3].click()
  fail_after(driver, 2)
  browser.fill(driver, seed=50)
  browser.wait_for_text(driver, 'error', 'no memory')
  seen = downloaded(driver, opened[1] / 'forgeline-label-4-seed-9.png')
  np.testing.assert_array_equal(seen, wanted[3])
  browser.tiles(driver)[1].click()
  seen = downloaded(driver, opened[1] / 'forgeline-label-4-seed-51.png')
  np.testing.assert_array_equal(seen, expected(bundle, [51], [4])[0, ..., 0])


def test_pictures_of_two_requests_have_no_name_in_common(driver: WebDriver):
  fail_after(driver, 2)
  browser.fill(driver, seed=50)
  browser.wait_for_text(driver, 'error', 'no memory')
  driver.find_element(By.ID, 'download').click()
  browser.wait_for_text(driver, 'error', 'Some pictures are of an earlier seed or label.')


def fail_after(driver: WebDriver, count: int) -> None:
  """Lets so many more pictures be shown; the next one is an error."""
  driver.execute_script(
    'const {ImageData} = globalThis; let left = arguments[0];'
    'globalThis.ImageData = class extends ImageData {'
    "  constructor(...size) { if (left-- === 0) throw new Error('no memory'); super(...size); } };",
    count,
  )


def test_a_download_waits_for_the_pictures_that_its_name_tells_of(
  driver: WebDriver, opened: tuple[WebDriver, pathlib.Path], bundle: pathlib.Path
):
  browser.wait_for_pictures(driver, 'Label 5, seed 16')
  path = opened[1] / 'forgeline-label-6-seed-70.png'
  path.unlink(missing_ok=True)
  driver.execute_script(
    "const form = document.getElementById('form');"
    "form.elements.namedItem('label').value = '6';"
    "form.elements.namedItem('seed').value = '70';"
    "form.dispatchEvent(new Event('input'));"
    "document.getElementById('download').click()"
  )
  seen = saved(driver, path)
  wanted = expected(bundle, list(range(70, 86)), [6] * _PICTURES)[..., 0]
  np.testing.assert_array_equal(seen, side_by_side(wanted))


def side_by_side(levels: np.ndarray) -> np.ndarray:
  """The sixteen pictures, as the file of all of them has them."""
  return levels.reshape(4, 4, 28, 28).swapaxes(1, 2).reshape(112, 112)


def downloaded(driver: WebDriver, path: pathlib.Path) -> np.ndarray:
  """The grey levels of the file that the button saves."""
  path.unlink(missing_ok=True)
  driver.find_element(By.ID, 'download').click()
  return saved(driver, path)


def saved(driver: WebDriver, path: pathlib.Path) -> np.ndarray:
  """The grey levels of a file, once it is there."""
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


def test_where_integers_are_wrong_the_float_file_draws(
  open_browser: Callable[..., WebDriver], changed: pathlib.Path, bundle: pathlib.Path
):
  spoil(changed / 'model/golden.json', 'generator.tflite')
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    browser.open_page(driver, address)
  note = driver.find_element(By.ID, 'model-note')
  assert note.is_displayed()
  assert note.text == (
    '1 of 16 pictures of generator.tflite are wrong, by up to 64 grey levels.'
    ' generator_f16.tflite is used instead.'
  )
  browser.wait_for_text(driver, 'result', 'Self-test passed: 16 of 16 pictures are right within')
  seen = np.stack([browser.pixels(driver, i) for i in range(_PICTURES)]).astype(int)
  samples = list(range(1, 17)), [i % 10 for i in range(_PICTURES)]
  assert np.abs(seen - expected(bundle, *samples, file='generator_f16.tflite')).max() <= 1
  assert np.abs(seen - expected(bundle, *samples)).max() > 1


def test_a_wrong_picture_is_seen(open_browser: Callable[..., WebDriver], changed: pathlib.Path):
  files = ('generator.tflite', 'generator_f16.tflite')
  for file in files:
    spoil(changed / 'model/golden.json', file)
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    browser.open_page(driver, address)
  result = driver.find_element(By.ID, 'result')
  found = [f'1 of 16 pictures of {file} are wrong, by up to 64 grey levels.' for file in files]
  assert result.text == f'Self-test failed: {" ".join(found)}'
  assert result.is_displayed()
  assert result.get_attribute('class') == 'failed'


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
  browser.wait_for_text(driver, 'model-note', 'generator.tflite is not the file that golden.json')


def test_a_file_that_is_lost_or_no_model_is_said(
  open_browser: Callable[..., WebDriver], changed: pathlib.Path
):
  model = changed / 'model/generator.tflite'
  whole = model.read_bytes()
  model.write_bytes(b'<html>not found</html>')
  driver = open_browser('phone')
  with browser.serving(changed) as address:
    driver.get(address)
    browser.wait_for_text(driver, 'error', 'These bytes are no TFLite model.')
    model.unlink()
    browser.open_anew(driver, address)
    browser.wait_for_text(driver, 'error', 'model/generator.tflite could not be loaded: HTTP 404.')
    WebDriverWait(driver, 60).until(lambda _: not driver.find_element(By.ID, 'facts').text)
    model.write_bytes(whole)
    (changed / 'model/golden.json').unlink()
    browser.open_anew(driver, address)
    browser.wait_for_text(driver, 'error', 'model/golden.json could not be loaded: HTTP 404.')


def test_a_damaged_file_is_said(open_browser: Callable[..., WebDriver], changed: pathlib.Path):
  model = changed / 'model/generator.tflite'
  whole = model.read_bytes()
  flipped = bytearray(whole)
  flipped[len(whole) // 2] ^= 1
  cut = whole[:-5000]
  driver = open_browser('phone', flags=('--host-resolver-rules=MAP plain.example 127.0.0.1',))
  with browser.serving(changed) as address:
    for damaged in (flipped, cut):
      model.write_bytes(damaged)
      browser.open_anew(driver, address)
      browser.wait_for_text(driver, 'error', 'generator.tflite is damaged: its digest is not')
    driver.get(address.replace('localhost', 'plain.example'))  # there browsers have no SHA-256
    browser.wait_for_text(driver, 'error', 'Is it damaged? Load it again.')
    model.write_bytes(whole)
    browser.open_anew(driver, driver.current_url)
    browser.wait_for_text(driver, 'result', 'Self-test passed')
