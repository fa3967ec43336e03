"""A server of files, and what is seen in a page."""

import base64
import contextlib
import functools
import http.server
import io
import pathlib
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

WEBGPU = (  # computed by the CPU, so that machines without a GPU have it
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
)
_WAIT_S = 90


class Handler(http.server.SimpleHTTPRequestHandler):
  """Answers with files, whole ones: HTTP dates have seconds, and tests change files faster."""

  def send_head(self) -> io.BytesIO | BinaryIO | None:
    del self.headers['If-Modified-Since']
    return super().send_head()

  def log_message(self, *_: object) -> None:
    """Says nothing."""


@contextlib.contextmanager
def serving(folder: pathlib.Path, handler: type[Handler] = Handler) -> Iterator[str]:
  """The address of a server of the folder's files; outside the block it is gone."""
  of_folder = functools.partial(handler, directory=str(folder))
  server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), of_folder)
  thread = threading.Thread(target=server.serve_forever)
  thread.start()
  try:
    yield f'http://localhost:{server.server_port}/'
  finally:
    server.shutdown()
    server.server_close()
    thread.join()


def open_page(driver: WebDriver, url: str) -> None:
  """Loads the page and waits until it is ready for use offline, which comes last."""
  driver.get(url)
  wait_for_text(driver, 'facts', 'works offline')


def open_anew(driver: WebDriver, url: str) -> None:
  """Loads a page whose files have changed: for some time, browsers take those they have for new."""
  driver.execute_cdp_cmd('Network.clearBrowserCache', {})
  driver.get(url)


def wait_for_text(driver: WebDriver, element_id: str, text: str) -> None:
  """Waits until an element says `text`."""
  element = driver.find_element(By.ID, element_id)
  WebDriverWait(driver, _WAIT_S).until(
    lambda _: text in element.text, message=f'{element_id} does not say {text!r}'
  )


def wait_for_pictures(driver: WebDriver, caption: str) -> None:
  """Waits until the last picture of the grid is one of `caption`."""
  WebDriverWait(driver, _WAIT_S).until(
    lambda _: tiles(driver)[-1].get_attribute('aria-label') == caption,
    message=f'the last picture is not {caption!r}',
  )


def tiles(driver: WebDriver) -> list[WebElement]:
  """The pictures, as the buttons that they are."""
  return driver.find_elements(By.CSS_SELECTOR, '#grid button')


def fill(driver: WebDriver, **values: object) -> None:
  """Sets fields as a hand does, with the event that follows."""
  for name, value in values.items():
    driver.execute_script(
      "const form = document.getElementById('form');"
      'form.elements.namedItem(arguments[0]).value = arguments[1];'
      "form.dispatchEvent(new Event('input', {bubbles: true}))",
      name,
      str(value),
    )


def pixels(driver: WebDriver, index: int, channels: int = 1) -> np.ndarray:
  """The colours of a picture in the grid: uint8 [H, W, channels]."""
  height, width, text = driver.execute_script(
    "const canvas = document.querySelectorAll('#grid canvas')[arguments[0]];"
    "const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
    'return [canvas.height, canvas.width, btoa(String.fromCharCode(...data))]',
    index,
  )
  rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
  assert (rgba[..., 3] == 255).all()
  return rgba[..., :channels]


def values(driver: WebDriver) -> list[list[str]]:
  """The form's fields and what they hold."""
  return driver.execute_script("return [...new FormData(document.getElementById('form'))]")


def caches(driver: WebDriver) -> list[str]:
  """Names of all caches of the page's host, sorted."""
  return sorted(driver.execute_async_script('caches.keys().then(arguments[0])'))


def kept(driver: WebDriver) -> set[str]:
  """Paths, from the page's folder, of all files that the page's worker has."""
  script = (
    'caches.keys().then(async ([name]) => (await (await caches.open(name)).keys())'
    ".map(request => request.url.slice(new URL('./', location).href.length)))"
    '.then(arguments[0])'
  )
  return set(driver.execute_async_script(script))


def complaints(driver: WebDriver) -> list[str]:
  """What the browser's console holds of errors."""
  return [line['message'] for line in driver.get_log('browser') if line['level'] == 'SEVERE']
