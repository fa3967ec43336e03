"""What a request must be before it is sent, and an answer before it is handed on.

Legend: B batch.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image

from serving.client.errors import InvalidRequestError, LabelError, ResponseError, ShapeError
from serving.client.messages import TensorSpec

Labels = int | Sequence[int] | np.ndarray
_INT64 = np.iinfo(np.int64)
_NUMPY = {'DT_FLOAT': np.float32, 'DT_INT64': np.int64}


def integers(name: str, values: Labels, kind: type[InvalidRequestError]) -> np.ndarray:
  """Values as int64, as they are or as an array of none, one or more dimensions.

  Raises:
    InvalidRequestError: of `kind`, values that are no integers or do not fit 64 bits.
  """
  array = _array(name, values, kind)
  if array.dtype.kind not in 'iu' or (array.size and array.max() > _INT64.max):
    raise kind(f'{name}={values!r} holds something else than 64-bit integers. Pass integers.')
  return array.astype(np.int64)


def _array(name: str, values: Any, kind: type[InvalidRequestError]) -> np.ndarray:
  try:
    return np.asarray(values)
  except ValueError as error:
    raise kind(f'{name} make no array: {error} Pass rows of one length.') from error


def seeds(values: Sequence[int] | np.ndarray) -> np.ndarray:
  """Seeds as int64 [B], B >= 1."""
  array = integers('seeds', values, ShapeError)
  if array.ndim != 1 or not array.size:
    raise ShapeError(f'seeds have the shape {list(array.shape)}. Pass a list of one or more.')
  return array


def labels(
  values: Labels | None, batch: int, *, takes_labels: bool, num_classes: int | None, model: str
) -> np.ndarray | None:
  """Labels as int64 [B]; one label stands for all.

  Args:
    values: what the caller gave.
    batch: B, the number of images.
    takes_labels: whether the model is conditional.
    num_classes: K, if it is known.
    model: for messages.

  Raises:
    LabelError: see its class.
  """
  if values is None:
    if takes_labels:
      raise LabelError(f'{model} needs a label for each image. Pass labels, such as labels=7.')
    return None
  if not takes_labels:
    raise LabelError(f'labels={values!r}, but {model} takes none. Leave labels out.')
  array = integers('labels', values, LabelError)
  if array.shape not in ((), (batch,)):
    raise LabelError(
      f'labels have the shape {list(array.shape)} for {batch} images. Pass one for all, or {batch}.'
    )
  array = np.broadcast_to(array, [batch])
  check_classes(array, num_classes, model)
  return array


def check_classes(labels: np.ndarray, num_classes: int | None, model: str) -> None:
  """Raises a LabelError for the first label that is no class."""
  known = '0 and up' if num_classes is None else f'0..{num_classes - 1}'
  for label in labels[(labels < 0) | (labels >= (num_classes or _INT64.max))]:
    raise LabelError(f'label={label}, but {model} has the labels {known}. Choose one of these.')


def latents(values: np.ndarray) -> np.ndarray:
  """Latents as float32."""
  array = _array('latents', values, ShapeError)
  if array.dtype.kind not in 'fiu' or not np.isfinite(array).all():
    raise ShapeError(
      f'latents of {array.dtype} hold something else than finite numbers. Pass float32 [B, Z].'
    )
  return array.astype(np.float32)


def images(values: np.ndarray | Sequence[PIL.Image.Image]) -> np.ndarray:
  """Images as float32 in [0, 1]: bytes are divided by 255, and a missing channel is added.

  Raises:
    ShapeError: pictures of several sizes, or numbers outside [0, 1].
  """
  if not isinstance(values, np.ndarray):
    values = stack(values)
  if values.dtype == np.uint8:
    values = values / np.float32(255)
  if values.dtype.kind != 'f' or not ((values >= 0) & (values <= 1)).all():
    raise ShapeError(
      f'images of {values.dtype} are not numbers in [0, 1]. Pass uint8 pixels or scale them.'
    )
  return values.astype(np.float32)


def stack(pictures: Sequence[PIL.Image.Image]) -> np.ndarray:
  """Pictures as uint8 [B, H, W, C].

  Raises:
    ShapeError: none, or of several sizes.
  """
  arrays = [np.asarray(picture, np.uint8) for picture in pictures]
  if len({array.shape for array in arrays}) != 1:
    sizes = sorted({f'{picture.size} {picture.mode}' for picture in pictures})
    raise ShapeError(f'pictures are {sizes or "none"}. Pass one or more of one size and mode.')
  stacked = np.stack(arrays)
  return stacked[..., np.newaxis] if stacked.ndim == 3 else stacked


def picture(png: bytes) -> PIL.Image.Image:
  """The decoded picture.

  Raises:
    ResponseError: bytes that are no PNG.
  """
  try:
    with PIL.Image.open(io.BytesIO(png), formats=['PNG']) as opened:
      opened.load()
      return opened
  except (OSError, SyntaxError) as error:
    raise ResponseError(f'the server sent {png[:20]!r}..., which is no PNG.') from error


def fits(array: np.ndarray, spec: TensorSpec) -> bool:
  """Whether an array has the type and shape of a signature."""
  if _NUMPY.get(spec.dtype, object) != array.dtype:
    return False
  if spec.shape is None:
    return True
  sizes = zip(spec.shape, array.shape, strict=False)
  return len(spec.shape) == array.ndim and all(size in (-1, got) for size, got in sizes)


def shape_text(spec: TensorSpec) -> str:
  """A shape to read, such as [any, 64]."""
  if spec.shape is None:
    return 'any shape'
  return f'[{", ".join("any" if size == -1 else str(size) for size in spec.shape)}]'
