"""Prints how soon the web page shows its first picture after a reload, and how long one takes.

  python -m benchmarks.web

Needs the page (mobile/web/README.md says how to build it), Debian's chromium and chromium-driver,
and selenium: `pip install -e '.[test]'`. Chromium emulates a phone's screen, not its speed; it is
headless and has no GPU. The page comes from its service worker, without a network.
"""

import argparse
import pathlib
import shutil
import statistics
import tempfile

from selenium.webdriver.remote.webdriver import WebDriver

from tests import chromium
from tests.mobile.web import browser

_FIRST_MS = "return performance.getEntriesByName('first-picture')[0].startTime"
# The self-test makes 16 pictures.
_PICTURE_MS = """
const [done] = arguments, startMs = performance.now();
const result = document.getElementById('result');
new MutationObserver(() => done((performance.now() - startMs) / 16))
  .observe(result, {childList: true});
document.getElementById('test').click();
"""


def main() -> None:
  """Measures and prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--page', type=pathlib.Path, default='mobile/web/dist')
  parser.add_argument('--reloads', type=int, default=20)
  options = parser.parse_args()
  if not (options.page / 'index.html').is_file():
    parser.error(f'--page={options.page} has no index.html. Run `npm run build` in mobile/web.')
  if not shutil.which('chromedriver'):
    parser.error(chromium.MISSING)
  with tempfile.TemporaryDirectory() as folder:
    driver = chromium.start(pathlib.Path(folder), 'phone')
    try:
      with browser.serving(options.page) as url:
        browser.open_page(driver, url)
      _print(driver, url, options.reloads)
    finally:
      driver.quit()


def _print(driver: WebDriver, url: str, reloads: int) -> None:
  first_ms, picture_ms = [], []
  for _ in range(reloads):
    browser.open_page(driver, url)
    first_ms.append(driver.execute_script(_FIRST_MS))
    picture_ms.append(driver.execute_async_script(_PICTURE_MS))
  print('| what | median | min | max | to reach |\n|---|---|---|---|---|')
  for name, times, digits, to_reach in (
    ('reload to first picture', first_ms, 0, '300 ms'),
    ('one picture of the self-test', picture_ms, 2, ''),
  ):
    cells = (f'{f(times):.{digits}f} ms' for f in (statistics.median, min, max))
    print(f'| {name} | {" | ".join(cells)} | {to_reach} |')


if __name__ == '__main__':
  main()
