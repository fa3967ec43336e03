import subprocess
import sys

import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import runner


def test_one_worker_needs_no_options():
  assert runner.beam_arguments(IngestConfig()) == []


def test_beam_args_have_the_last_word():
  asked = IngestConfig(num_ingest_workers=3, beam_args="--job_name='a b' --x=1")
  assert runner.beam_arguments(asked) == [
    '--direct_running_mode=multi_processing',
    '--direct_num_workers=3',
    '--job_name=a b',
    '--x=1',
  ]


@pytest.mark.parametrize(
  ('beam_args', 'message'),
  [
    ('--nonsense=3', 'unknown nonsense'),
    ('--direct_num_workers=abc', "invalid int value: 'abc'"),
    ('--job_name="x', 'No closing quotation'),
    ('--runner=NoSuch', 'Unexpected pipeline runner: NoSuch'),
  ],
)
def test_arguments_that_beam_does_not_know(beam_args, message, capfd):
  with pytest.raises(errors.ConfigError, match=message) as caught:
    runner.run(IngestConfig(beam_args=beam_args), lambda pipeline: None)
  assert f'--beam_args={beam_args}' in str(caught.value)
  assert '\n' not in str(caught.value)
  assert capfd.readouterr().err == ''


def test_a_plan_does_not_import_beam():
  code = (
    'import sys; from pipeline import ingest; from pipeline.config.ingest import IngestConfig;'
    ' from pipeline.ingest import stage;'
    ' ingest.source_digest(IngestConfig()); sys.exit("apache_beam" in sys.modules)'
  )
  assert subprocess.run([sys.executable, '-c', code], timeout=300).returncode == 0
