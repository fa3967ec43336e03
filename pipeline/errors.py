"""Errors a user can cause or meet, each with a documented exit code.

Every message is one line that says what (with the value), where, and how to mend it.
Anything else that escapes is a defect of forgeline: it keeps its traceback and exits with 1.
"""

import unicodedata


def one_line(text: str) -> str:
  """Text whose line breaks and control characters, as names of files may hold, are escaped."""
  return ''.join(
    c.encode('unicode_escape').decode() if unicodedata.category(c) in ('Cc', 'Zl', 'Zp') else c
    for c in text
  )


class ForgelineError(Exception):
  """Base of every expected failure; `exit_code` is the process's exit status."""

  exit_code = 1

  def __str__(self) -> str:
    return one_line(super().__str__())


class ConfigError(ForgelineError):
  """A flag, flagfile or combination of settings that can't work."""

  exit_code = 2


class DataError(ForgelineError):
  """Source data that is missing, unreadable or too bad to use."""

  exit_code = 3


class TrainingError(ForgelineError):
  """Training that can't go on, for example a loss that is not finite."""

  exit_code = 4


class ValidationError(ForgelineError):
  """A generator or an exported model that failed its gate; it was not pushed."""

  exit_code = 5


class StorageError(ForgelineError):
  """A folder that can't be written, or a disk that is full."""

  exit_code = 6


class ArtifactError(ForgelineError):
  """An artifact, checkpoint, shard or manifest that fails verification."""

  exit_code = 7


class Interrupted(ForgelineError):  # noqa: N818 - it is no error: the same command goes on
  """SIGINT or SIGTERM arrived; progress was saved and the same command resumes."""

  exit_code = 42
