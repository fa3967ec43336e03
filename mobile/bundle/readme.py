"""The bundle's README.md, from a template and the facts in bundle.json."""

from collections.abc import Mapping
from typing import Any

import jinja2

from mobile import model_files

_INSIDE = {  # kind of mobile.verify: as people say
  'int8': 'int8',
  'dynamic': 'int8 weights',
  'f16': 'float16 weights',
  'f32': 'float32',
}
_INTEGER_IO = ('int8', 'int8, grey level - 128')
_OTHER_IO = ('float32', 'uint8 grey levels')
_QUALITY = {  # name in bundle.json: as a cell of the table
  'psnr_db': '{:.1f} dB',
  'level_difference': 'within {:.0f} of 255 levels',
  'label_agreement': '{:.1%}',
  'frechet_increase': '{:+.1%}',
}


def render(facts: Mapping[str, Any]) -> str:
  """The page.

  Args:
    facts: contents of bundle.json.
  """
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader('mobile.bundle', package_path=''),
    autoescape=False,  # it is Markdown
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
  )
  rows = [_row(name, model) for name, model in facts['models'].items()]
  return environment.get_template('readme.md.j2').render(
    facts,
    rows=rows,
    num_pixels=_product(facts['gan_info']['image_shape']),
    integer_file=model_files.I8,
  )


def _row(name: str, model: Mapping[str, Any]) -> list[str]:
  """The cells of one file."""
  kilobytes = [f'{model[size] / 1e3:,.0f} kB' for size in ('bytes', 'gzip_bytes')]
  quality = model['quality']
  likeness = [key for key in ('psnr_db', 'level_difference') if key in quality][:1]
  cells = [_QUALITY[key].format(quality[key]) for key in likeness] or ['–']
  for key in ('label_agreement', 'frechet_increase'):
    cells.append(_QUALITY[key].format(quality[key]) if key in quality else '–')
  types = _INTEGER_IO if name == model_files.I8 else _OTHER_IO
  return [
    f'`{name}`',
    _INSIDE[model['inside']],
    *types,
    *kilobytes,
    f'{model["latency_ms"]:.2g} ms',
    *cells,
  ]


def _product(shape: tuple[int, int, int]) -> int:
  height, width, channels = shape
  return height * width * channels
