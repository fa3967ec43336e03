"""Runs a Beam pipeline with the options that a configuration asks for."""

import contextlib
import errno
import io
import logging
import re
import shlex
from collections.abc import Callable, Iterator

import apache_beam as beam
from apache_beam.options import pipeline_options
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner

from pipeline import errors
from pipeline.config.ingest import IngestConfig

# What a worker raises comes back with its place in the pipeline, or as the text of a traceback.
_PLACE = re.compile(r' \[while running .*', re.DOTALL)
_OURS = re.compile(r'pipeline\.errors\.(\w+): (.*)$', re.MULTILINE)
_WRITE_ERRNOS = (errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS)
_CANT_WRITE = re.compile(rf'\[Errno (?:{"|".join(map(str, _WRITE_ERRNOS))})\] ([^:\[\n]+)')


def run(config: IngestConfig, build: Callable[[beam.Pipeline], None]) -> None:
  """Builds and runs a pipeline to its end.

  The runner is Beam's FnApiRunner unless --beam_args names one: the default of Beam itself would
  try to download another runner first.

  Raises:
    ConfigError: options that Beam doesn't know.
    ForgelineError: whatever error of ours a worker met.
    StorageError: a worker could not write.
  """
  arguments = beam_arguments(config)
  options = _options(arguments, config.beam_args)
  named = any(a.split('=')[0] == '--runner' for a in arguments)
  try:
    pipeline = beam.Pipeline(runner=None if named else _local_runner(), options=options)
  except ValueError as error:
    raise _misunderstood(config.beam_args, str(error).rstrip('.')) from error
  build(pipeline)
  try:
    with contextlib.nullcontext() if named else _quiet():
      pipeline.run().wait_until_finish()
  except Exception as error:
    raise _as_ours(error) from error


def _local_runner() -> fn_runner.FnApiRunner:
  # Worker processes take their log level from here only.
  provision = beam_provision_api_pb2.ProvisionInfo(retrieval_token='unused')
  provision.pipeline_options.update({'default_sdk_harness_log_level': 'CRITICAL'})
  return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(provision))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Keeps Beam from printing a traceback for an error that `run` raises as one line anyway."""
  logger = logging.getLogger('apache_beam')
  level = logger.level
  logger.setLevel(logging.CRITICAL)
  try:
    yield
  finally:
    logger.setLevel(level)


def beam_arguments(config: IngestConfig) -> list[str]:
  """Beam's command line: local worker processes first, so that --beam_args has the last word."""
  workers = config.num_ingest_workers
  local = [
    '--direct_running_mode=multi_processing',
    f'--direct_num_workers={workers}',
  ]
  try:
    return (local if workers > 1 else []) + shlex.split(config.beam_args)
  except ValueError as error:
    raise errors.ConfigError(
      f'--beam_args={config.beam_args} (IngestConfig): {error}. Check its quotes.'
    ) from error


def _options(arguments: list[str], text: str) -> pipeline_options.PipelineOptions:
  complaints = io.StringIO()
  try:
    with contextlib.redirect_stderr(complaints), _quiet():
      options = pipeline_options.PipelineOptions(arguments)
      known = options.get_all_options()
      unknown = set(options.get_all_options(retain_unknown_options=True)) - set(known)
  except SystemExit as error:  # argparse printed its usage, then its reason
    reason = complaints.getvalue().strip().splitlines()[-1].partition('error: ')[2]
    raise _misunderstood(text, reason) from error
  if unknown:
    raise _misunderstood(text, f'unknown {", ".join(sorted(unknown))}')
  return options


def _misunderstood(text: str, reason: str) -> errors.ConfigError:
  return errors.ConfigError(
    f'--beam_args={text} (IngestConfig) is not understood by Beam: {reason}.'
    ' See https://beam.apache.org/documentation/#runners for runners and their options.'
  )


def _as_ours(error: Exception) -> Exception:
  text = str(error)
  if isinstance(error, errors.ForgelineError):
    return type(error)(_PLACE.sub('', text))
  if match := _OURS.search(text):
    kind = getattr(errors, match[1], errors.ForgelineError)
    return kind(_PLACE.sub('', match[2]))
  if match := _CANT_WRITE.search(text):
    return errors.StorageError(
      f'ingest could not write its shards: {match[1].strip()}.'
      ' Free some space, or choose another --run_dir.'
    )
  return error
