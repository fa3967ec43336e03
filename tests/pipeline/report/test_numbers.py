import pytest

from pipeline.report import numbers


@pytest.mark.parametrize(
  ('value', 'text'),
  [
    (0, '0'),
    (1.0, '1'),
    (-11, '−11'),
    (10_000, '10,000'),
    (1.3134, '1.31'),
    (0.0123456, '0.0123'),
    (-0.5, '−0.500'),
    (12345.678, '12,346'),
    (3e-7, '3.0 × 10⁻⁷'),
    (-2.5e12 + 0.5, '−2.5 × 10¹²'),
  ],
)
def test_number(value, text):
  assert numbers.number(value) == text.replace(' ', numbers.SPACE)


@pytest.mark.parametrize('write', [numbers.number, numbers.share, numbers.duration])
@pytest.mark.parametrize('value', [float('nan'), float('-inf')])
def test_what_is_not_finite_says_so(write, value):
  assert write(value) == 'not finite'


@pytest.mark.parametrize(
  ('value', 'text'),
  [(0.0, '0 %'), (1.0, '100 %'), (0.98, '98 %'), (0.9912, '99.12 %'), (0.931, '93.1 %')],
)
def test_share(value, text):
  assert numbers.share(value) == text.replace(' ', numbers.SPACE)


def test_a_share_short_of_all_or_nothing_never_reads_as_such():
  assert numbers.share(0.99996) == f'99.996{numbers.SPACE}%'
  assert numbers.share(0.00004) == f'0.004{numbers.SPACE}%'


def test_increase_has_a_sign():
  assert numbers.increase(0.021).startswith('+2.1')
  assert numbers.increase(-0.021).startswith('−2.1')


@pytest.mark.parametrize(
  ('seconds', 'text'),
  [(0.31, '0.3 s'), (59.99, '1 min 00 s'), (121.4, '2 min 01 s'), (3_720, '1 h 02 min')],
)
def test_duration(seconds, text):
  assert numbers.duration(seconds) == text.replace(' ', numbers.SPACE).replace(
    f'h{numbers.SPACE}', 'h '
  ).replace(f'min{numbers.SPACE}', 'min ')


@pytest.mark.parametrize(
  ('num_bytes', 'text'), [(73, '73 B'), (1_163_000, '1.16 MB'), (116_300, '116 kB')]
)
def test_size(num_bytes, text):
  assert numbers.size(num_bytes) == text.replace(' ', numbers.SPACE)


def test_moment_is_in_utc():
  moment = numbers.moment('2026-11-21T22:00:00+01:00')
  assert (numbers.day(moment), moment.hour) == ('21 November 2026', 21)


@pytest.mark.parametrize('value', [None, 'yesterday', 1e300])
def test_what_is_no_moment_is_none(value):
  assert numbers.moment(value) is None
