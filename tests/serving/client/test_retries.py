import itertools
import random

import hypothesis
import pytest
from hypothesis import strategies as st

from serving.client import errors
from serving.client.messages import StatusRequest
from serving.client.retries import Retry
from tests.serving.client.driver import SPEC, Driver

REQUEST = StatusRequest(spec=SPEC)
DOWN = errors.ServerUnavailableError('down')
OTHERS = [
  kind('no')
  for kind in (
    errors.InvalidRequestError,
    errors.NotFoundError,
    errors.DeadlineError,
    errors.AccessError,
    errors.ServerError,
    errors.ResponseError,
    errors.TlsError,
  )
]


def test_an_answer_after_two_failures():
  driver = Driver([DOWN, DOWN, 'answer'])
  assert driver.run(driver.exchanger().exchange(REQUEST, 2000)) == 'answer'
  assert len(driver.requests) == 3
  assert len(driver.pauses_s) == 2


@pytest.mark.parametrize('error', OTHERS, ids=lambda error: type(error).__name__)
def test_nothing_but_unavailable_is_tried_again(error: errors.ClientError):
  driver = Driver([error])
  with pytest.raises(type(error), match='no'):
    driver.run(driver.exchanger().exchange(REQUEST, 2000))
  assert not driver.pauses_s


def test_last_error_after_all_attempts():
  driver = Driver([DOWN, DOWN, errors.ServerUnavailableError('still down')])
  with pytest.raises(errors.ServerUnavailableError, match='still down'):
    driver.run(driver.exchanger(max_attempts=3).exchange(REQUEST, 2000))


def test_every_attempt_gets_what_is_left_of_the_time():
  driver = Driver([DOWN] * 9, exchange_s=1.0)
  exchanger = driver.exchanger(max_attempts=9, initial_pause_s=1, jitter=0)
  with pytest.raises(errors.ServerUnavailableError):
    driver.run(exchanger.exchange(REQUEST, 1006.0))
  # Attempts at 0, 2 and 5 s; the next pause would end after the deadline.
  assert driver.timeouts_s == [6.0, 4.0, 1.0]
  assert driver.pauses_s == [1.0, 2.0]


def test_no_attempt_after_the_deadline():
  driver = Driver()
  with pytest.raises(errors.DeadlineError, match=r'digits \(somewhere:8500\).*timeout_s'):
    driver.run(driver.exchanger().exchange(REQUEST, 1000.0))
  assert not driver.requests


@hypothesis.given(st.integers(0, 2**32), st.floats(0, 1))
@hypothesis.settings(derandomize=True, database=None, deadline=None)
def test_pauses_grow_to_the_largest_within_their_jitter(seed: int, jitter: float):
  retry = Retry(initial_pause_s=0.5, multiplier=3, max_pause_s=4, jitter=jitter)
  pauses_s = list(itertools.islice(retry.pauses_s(random.Random(seed)), 5))
  for pause_s, whole_s in zip(pauses_s, [0.5, 1.5, 4, 4, 4], strict=True):
    assert whole_s * (1 - jitter) <= pause_s <= whole_s
  assert pauses_s == list(itertools.islice(retry.pauses_s(random.Random(seed)), 5))


def test_clients_do_not_come_back_together():
  first, second = (next(Retry().pauses_s(random.Random(seed))) for seed in (1, 2))
  assert first != second


@pytest.mark.parametrize(
  'arguments',
  [
    {'max_attempts': 0},
    {'initial_pause_s': 0},
    {'initial_pause_s': 3},
    {'multiplier': 0.5},
    {'jitter': 1.5},
  ],
)
def test_settings_that_make_no_sense(arguments):
  with pytest.raises(errors.InvalidRequestError, match='makes no sense'):
    Retry(**arguments)
