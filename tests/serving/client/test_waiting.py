import pytest

from serving.client import errors, waiting
from serving.client.calls import model_spec
from serving.client.messages import MetadataRequest, ModelSpec, VersionStatus
from tests.serving.client.driver import SPEC, Driver, metadata

DOWN = errors.ServerUnavailableError('down')


def wait(driver: Driver, spec: ModelSpec = SPEC, timeout_s: float = 60.0) -> None:
  driver.run(waiting.wait_until_available(driver.exchanger(jitter=0), spec, timeout_s))


def status(state: str, error: str = '', version: int = 3) -> tuple[VersionStatus, ...]:
  return (VersionStatus(version=version, state=state, error=error),)


def test_waits_through_everything_that_passes():
  slow, unknown = errors.DeadlineError('slow'), errors.NotFoundError('not yet')
  driver = Driver([DOWN, slow, unknown, (), status('START'), status('AVAILABLE')])
  wait(driver)
  assert len(driver.requests) == 6
  assert driver.pauses_s == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])


def test_any_version_will_do_unless_one_is_asked_for():
  driver = Driver([(*status('END', 'damaged', 4), *status('AVAILABLE'))])
  wait(driver)


def test_version_that_could_not_be_loaded_ends_the_wait():
  driver = Driver([status('LOADING'), status('END', 'damaged')])
  with pytest.raises(errors.ServerError, match=r'version 3 .* could not be loaded: damaged'):
    wait(driver, model_spec('digits', 3, None))


def test_label_is_available_when_it_has_metadata():
  driver = Driver([errors.NotFoundError('no label'), metadata()])
  wait(driver, model_spec('digits', None, 'stable'))
  assert all(isinstance(request, MetadataRequest) for request in driver.requests)


@pytest.mark.parametrize(
  ('answer', 'message'), [(DOWN, 'down'), (status('LOADING'), 'version 3 is LOADING')]
)
def test_end_of_the_time_tells_the_last_answer(answer, message: str):
  driver = Driver([answer] * 99)
  with pytest.raises(errors.DeadlineError, match=f'not available within 60 s.*{message}'):
    wait(driver)
  assert driver.time_s <= 1060
  assert max(driver.timeouts_s) == 5.0  # a server that hangs is asked anew


@pytest.mark.parametrize('error', [errors.TlsError('no trust'), errors.AccessError('no')])
def test_what_waiting_does_not_mend_ends_it(error: errors.ClientError):
  with pytest.raises(type(error)):
    wait(Driver([error]))
