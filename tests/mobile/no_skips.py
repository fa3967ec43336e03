"""Where FORGELINE_NO_SKIPS is set, as in CI, every tool is there: what is skipped has failed."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
  report = yield
  if os.environ.get('FORGELINE_NO_SKIPS') and report.skipped and not hasattr(report, 'wasxfail'):
    report.outcome = 'failed'
    report.longrepr = f'skipped, although FORGELINE_NO_SKIPS is set: {report.longrepr[2]}'
  return report
