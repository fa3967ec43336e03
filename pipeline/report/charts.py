"""Line charts as plain geometry; the template draws them as SVG in the page's own colours."""

import dataclasses
import math
from collections.abc import Sequence

from pipeline.report import numbers

LEFT, RIGHT, TOP, BOTTOM = 46, 344, 10, 184
_MAX_POINTS = 240
_LOG_RATIO = 30.0  # a positive quantity that spans more than this is drawn on a logarithmic scale

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
  """One curve: a name and its points in order of x; a y that is not finite breaks it."""

  name: str
  points: Sequence[Point]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tick:
  """A labelled position on an axis, in SVG units."""

  at: float
  label: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
  """A curve in SVG units, with its last value in words."""

  name: str
  path: str
  dots: tuple[Point, ...]
  last: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
  """A chart ready to be drawn."""

  title: str
  note: str
  summary: str  # says in words what the curves show
  x_ticks: tuple[Tick, ...]
  y_ticks: tuple[Tick, ...]
  lines: tuple[Line, ...]
  mark: Point | None = None  # a point to be marked
  mark_label: str = ''


def line_chart(
  title: str,
  series: Sequence[Series],
  *,
  note: str = '',
  may_be_log: bool = False,
  from_zero: bool = False,
  show_dots: bool = False,
  mark: Point | None = None,
  mark_label: str = '',
) -> Chart | None:
  """Lays out a chart.

  Args:
    title: what is drawn, with its unit.
    series: the curves; empty ones are left out.
    note: a remark for the reader.
    may_be_log: use a logarithmic scale where the values are positive and span a wide range.
    from_zero: the scale starts at 0.
    show_dots: mark each point.
    mark: a point, in data units, to be marked; `mark_label` says what it is.

  Returns:
    The chart, or None if there is no finite point.
  """
  curves = [(s.name, _thin(s.points)) for s in series if any(_finite(p) for p in s.points)]
  if not curves:
    return None
  xs = [x for _, points in curves for x, _ in points]
  ys = [y for _, points in curves for x, y in points if _finite((x, y))]
  use_log = may_be_log and min(ys) > 0 and max(ys) > _LOG_RATIO * min(ys)
  x_scale = _Scale(low=min(0.0, *xs), high=max(xs), start=LEFT, end=RIGHT)
  low, high = (min(ys), max(ys)) if use_log else _widen(min(ys), max(ys), from_zero)
  y_scale = _Scale(low=low, high=high, start=BOTTOM, end=TOP, is_log=use_log)
  notes = [note] if note else []
  return Chart(
    title=title,
    note='; '.join([*notes, 'logarithmic scale'] if use_log else notes),
    summary=_summary(title, curves),
    x_ticks=x_scale.ticks(5),
    y_ticks=y_scale.ticks(4),
    lines=tuple(_line(name, points, x_scale, y_scale, show_dots) for name, points in curves),
    mark=(x_scale(mark[0]), y_scale(mark[1])) if mark and _finite(mark) else None,
    mark_label=mark_label,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Scale:
  """Data units -> SVG units."""

  low: float
  high: float
  start: float
  end: float
  is_log: bool = False

  def __call__(self, value: float) -> float:
    low, high, at = (
      (math.log(v) if self.is_log else v) for v in (self.low, self.high, max(value, self.low))
    )
    part = (at - low) / (high - low) if high > low else 0.5
    return round(self.start + part * (self.end - self.start), 1)

  def ticks(self, about: int) -> tuple[Tick, ...]:
    values = _log_ticks(self.low, self.high) if self.is_log else _ticks(self.low, self.high, about)
    return tuple(Tick(at=self(value), label=_tick_label(value)) for value in values)


def _line(
  name: str, points: Sequence[Point], x_scale: _Scale, y_scale: _Scale, show_dots: bool
) -> Line:
  path, pen_down = [], False
  for point in points:
    if _finite(point):
      path.append(f'{"L" if pen_down else "M"}{x_scale(point[0]):g} {y_scale(point[1]):g}')
    pen_down = _finite(point)
  finite = [point for point in points if _finite(point)]
  dots = finite if show_dots else finite[-1:]
  return Line(
    name=name,
    path=''.join(path),
    dots=tuple((x_scale(x), y_scale(y)) for x, y in dots),
    last=numbers.number(finite[-1][1]),
  )


def _summary(title: str, curves: Sequence[tuple[str, Sequence[Point]]]) -> str:
  parts = []
  for name, points in curves:
    finite = [y for x, y in points if _finite((x, y))]
    parts.append(f'{name} from {numbers.number(finite[0])} to {numbers.number(finite[-1])}')
  return f'Line chart of {title} by step: {"; ".join(parts)}.'


def _finite(point: Point) -> bool:
  return math.isfinite(point[0]) and math.isfinite(point[1])


def _thin(points: Sequence[Point]) -> list[Point]:
  """At most `_MAX_POINTS` points, each the mean of its neighbourhood."""
  stride = -(-len(points) // _MAX_POINTS)
  if stride <= 1:
    return list(points)
  groups = [points[i : i + stride] for i in range(0, len(points), stride)]
  return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]


def _widen(low: float, high: float, from_zero: bool) -> Point:
  """The range of a linear axis, with some air."""
  if from_zero:
    low, high = min(low, 0.0), max(high, 0.0)
  span = (high - low) or abs(high) or 1.0
  return (low if from_zero and low == 0 else low - 0.05 * span), high + 0.05 * span


def _ticks(low: float, high: float, about: int) -> list[float]:
  """Round numbers within a range, about so many."""
  if high <= low:
    return [low]
  raw = (high - low) / about
  unit = 10.0 ** math.floor(math.log10(raw))
  step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw * 0.999)
  first = math.ceil(low / step - 1e-9)
  return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
  decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
  multiples = (1, 2, 5) if len(decades) <= 3 else (1,)
  return [m * 10.0**d for d in decades for m in multiples if low <= m * 10.0**d <= high]


def _tick_label(value: float) -> str:
  if value and not 1e-3 <= abs(value) < 1e6:
    mantissa, exponent = f'{value:.0e}'.split('e')
    power = str(int(exponent)).translate(numbers.SUPERSCRIPTS)
    return f'{mantissa}×10{power}'.replace('-', numbers.MINUS)
  return f'{round(value, 10):,.6g}'.replace('-', numbers.MINUS)
