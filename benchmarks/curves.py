"""Curves as an SVG file, laid out as in the report."""

import pathlib
from collections.abc import Mapping

import jinja2

from pipeline.report import charts
from pipeline.report.charts import Series

_COLOURS = ('#4a7dd0', '#c0702a')  # seen on white and on black
_GREY = '#888'
_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 366 {{ 212 + 16 * chart.lines | length }}" \
width="549" font-family="sans-serif" font-size="11" fill="{{ grey }}">
<title>{{ chart.summary }}</title>
{% for tick in chart.y_ticks %}
<line x1="46" x2="344" y1="{{ tick.at }}" y2="{{ tick.at }}" stroke="{{ grey }}" \
stroke-opacity=".3"/><text x="40" y="{{ tick.at + 3.5 }}" text-anchor="end">{{ tick.label }}</text>
{% endfor %}
{% for tick in chart.x_ticks %}
<text x="{{ tick.at }}" y="202" text-anchor="middle">{{ tick.label }}</text>
{% endfor %}
{% for line in chart.lines %}
{% set colour = colours[loop.index0] %}
<path d="{{ line.path }}" fill="none" stroke="{{ colour }}" stroke-width="2"/>
{% for x, y in line.dots %}
<circle cx="{{ x }}" cy="{{ y }}" r="2.5" fill="{{ colour }}"/>
{% endfor %}
<text x="46" y="{{ 206 + 16 * loop.index }}" fill="{{ colour }}">\
{{ line.name }}: {{ line.last }} at the end</text>
{% endfor %}
</svg>
"""


def save(path: pathlib.Path, title: str, values: Mapping[str, Mapping[str, float]]) -> None:
  """Writes a chart of `title` against steps, a curve for each name; at most two."""
  series = [
    Series(name=name, points=[(int(step), value) for step, value in by_step.items()])
    for name, by_step in values.items()
  ]
  chart = charts.line_chart(f'{title} against steps', series, may_be_log=True, show_dots=True)
  template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(_TEMPLATE)
  path.write_text(template.render(chart=chart, colours=_COLOURS, grey=_GREY), encoding='utf-8')
