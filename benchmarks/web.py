"""Prints how soon the web page shows its first picture after a reload, and how long one takes.

  python -m benchmarks.web

Needs the page (mobile/web/README.md says how to build it), and Debian's chromium-driver. The page
comes from its service worker, without a network; the browser is headless and has no GPU.
"""

import argparse
import functools
import http.server
import pathlib
import statistics
import tempfile
import threading

from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

_FLAGS = ('--headless=new', '--no-sandbox', '--no-first-run', '--disable-background-networking')
_OFFLINE = "return document.getElementById('facts').textContent.includes('works offline')"
_FIRST_MS = "return performance.getEntriesByName('first-picture')[0].startTime"
# The self-test makes 16 pictures.
_PICTURE_MS = """
const [done] = arguments, startMs = performance.now();
const result = document.getElementById('result');
new MutationObserver(() => done((performance.now() - startMs) / 16))
  .observe(result, {childList: true});
document.getElementById('test').click();
"""


class _Handler(http.server.SimpleHTTPRequestHandler):
  def log_message(self, *_: object) -> None:
    pass


def main() -> None:
  """Measures and prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--page', type=pathlib.Path, default='mobile/web/dist')
  parser.add_argument('--reloads', type=int, default=20)
  options = parser.parse_args()
  if not (options.page / 'index.html').is_file():
    parser.error(f'--page={options.page} has no index.html. Run `npm run build` in mobile/web.')
  handler = functools.partial(_Handler, directory=str(options.page))
  server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  with tempfile.TemporaryDirectory() as profile:
    driver = _start(profile)
    try:
      _load(driver, f'http://localhost:{server.server_port}/')
      server.shutdown()
      server.server_close()
      _print(driver, options.reloads)
    finally:
      driver.quit()


def _start(profile: str) -> WebDriver:
  options = webdriver.ChromeOptions()
  for flag in (*_FLAGS, f'--user-data-dir={profile}'):
    options.add_argument(flag)
  return webdriver.Chrome(options=options, service=webdriver.ChromeService('/usr/bin/chromedriver'))


def _load(driver: WebDriver, url: str) -> None:
  driver.get(url)
  WebDriverWait(driver, 120).until(lambda _: driver.execute_script(_OFFLINE))


def _print(driver: WebDriver, reloads: int) -> None:
  first_ms, picture_ms = [], []
  for _ in range(reloads):
    _load(driver, driver.current_url)
    first_ms.append(driver.execute_script(_FIRST_MS))
    picture_ms.append(driver.execute_async_script(_PICTURE_MS))
  print('| what | median | quickest | slowest | to reach |\n|---|---|---|---|---|')
  for name, times, digits, to_reach in (
    ('reload to first picture', first_ms, 0, '300 ms'),
    ('one picture', picture_ms, 2, ''),
  ):
    cells = (f'{f(times):.{digits}f} ms' for f in (statistics.median, min, max))
    print(f'| {name} | {" | ".join(cells)} | {to_reach} |')


if __name__ == '__main__':
  main()
