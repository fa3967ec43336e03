"""Configuration files: text protos, as `tensorflow_model_server` reads them."""

import pathlib
from typing import TypeVar

from google.protobuf import message, text_format

from serving.server.errors import ServingError, invalid
from serving.server.options import start_failed

_Message = TypeVar('_Message', bound=message.Message)


def read(path: str, kind: type[_Message]) -> _Message:
  """The message in a file.

  Raises:
    ServingError: INVALID_ARGUMENT, the file can't be read or is no text form of that message.
  """
  try:
    text = pathlib.Path(path).read_text(encoding='utf-8')
  except (OSError, UnicodeDecodeError) as error:
    raise invalid(f'{path} could not be read: {error}') from error
  try:
    return text_format.Parse(text, kind())
  except text_format.ParseError as error:
    name = kind.DESCRIPTOR.full_name
    raise invalid(
      f"Invalid protobuf file: '{path}': Error parsing text-format {name}: {error}"
    ) from (error)


def read_at_start(path: str, kind: type[_Message]) -> _Message:
  """As `read`; an empty path stands for an empty message.

  Raises:
    StartError: 255.
  """
  if not path:
    return kind()
  try:
    return read(path, kind)
  except ServingError as error:
    raise start_failed(error) from error
