"""A page to try generators in a browser, at / of the REST port: one file that loads no other."""

import json
import pathlib
from collections.abc import Iterable

_FILE = pathlib.Path(__file__).with_name('gallery.html')
_NO_MODELS = '<script id="models" type="application/json">[]</script>'
HEADERS = {
  'Content-Security-Policy': "default-src 'none'; connect-src 'self'; img-src data:;"
  " script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
  'Cache-Control': 'no-cache',
}


def page(model_names: Iterable[str]) -> str:
  """The page for these models."""
  names = json.dumps(sorted(model_names)).replace('<', '\\u003c')  # a name must not end the script
  return _FILE.read_text(encoding='utf-8').replace(_NO_MODELS, _NO_MODELS.replace('[]', names))
