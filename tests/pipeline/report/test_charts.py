import math

from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import charts

FINITE = st.floats(-1e12, 1e12, allow_subnormal=False)
VALUES = st.lists(FINITE | st.just(math.nan), min_size=1, max_size=600)


@given(VALUES, st.booleans(), st.booleans())
def test_everything_stays_inside_the_box(values, may_be_log, from_zero):
  points = [(float(step), value) for step, value in enumerate(values)]
  chart = charts.line_chart(
    'x', [charts.Series(name='a', points=points)], may_be_log=may_be_log, from_zero=from_zero
  )
  if all(math.isnan(value) for value in values):
    assert chart is None
    return
  drawn = [(x, y) for line in chart.lines for x, y in line.dots]
  drawn += [tuple(map(float, pair.split())) for pair in _pairs(chart.lines[0].path)]
  drawn += [(tick.at, charts.TOP) for tick in chart.x_ticks]
  drawn += [(charts.LEFT, tick.at) for tick in chart.y_ticks]
  assert all(charts.LEFT <= x <= charts.RIGHT for x, _ in drawn)
  assert all(charts.TOP <= y <= charts.BOTTOM for _, y in drawn)
  assert len(_pairs(chart.lines[0].path)) <= 240


def _pairs(path: str) -> list[str]:
  return [pair for part in path.split('M') for pair in part.split('L') if pair]


def test_larger_values_are_higher_and_later_steps_further_right():
  chart = charts.line_chart('x', [charts.Series(name='a', points=[(0, 1), (5, 3), (10, 2)])])
  [line] = chart.lines
  (x0, y0), (x1, y1), (x2, y2) = (tuple(map(float, p.split())) for p in _pairs(line.path))
  assert x0 == charts.LEFT < x1 < x2 == charts.RIGHT
  assert y1 < y2 < y0
  assert line.last == '2'


def test_ticks_are_round_numbers():
  chart = charts.line_chart('x', [charts.Series(name='a', points=[(100, 0.0), (5000, 1.0)])])
  labels = [tick.label for tick in chart.x_ticks]
  assert labels == ['0', '1,000', '2,000', '3,000', '4,000', '5,000']
  assert [tick.label for tick in chart.y_ticks] == ['0', '0.5', '1']


def test_a_wide_positive_range_may_be_logarithmic():
  points = [(1, 1000.0), (2, 10.0), (3, 1.0)]
  chart = charts.line_chart('x', [charts.Series(name='a', points=points)], may_be_log=True)
  ys = [float(pair.split()[1]) for pair in _pairs(chart.lines[0].path)]
  assert math.isclose((ys[1] - ys[0]) / (ys[2] - ys[0]), 2 / 3, abs_tol=0.01)
  assert 'logarithmic' in chart.note


def test_long_curves_are_averaged():
  points = [(float(step), float(step % 2)) for step in range(4800)]
  chart = charts.line_chart('x', [charts.Series(name='a', points=points)])
  assert len(_pairs(chart.lines[0].path)) == 240
  assert chart.lines[0].last == '0.500'
