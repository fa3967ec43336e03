"""Pictures to square arrays: decoding, colour, antialiased size.

B batch, H height, W width, S image_size, C channels.
"""

import io
import warnings

import numpy as np
import PIL.Image
import PIL.ImageOps

_MAX_PIXELS = 64_000_000  # a picture beyond this is taken for a decompression bomb
_MODES = {1: 'L', 3: 'RGB'}


class DecodeError(Exception):
  """Bytes that are no usable picture; the message is the reason for quarantine."""


def decode_image(data: bytes, image_size: int, num_channels: int) -> np.ndarray:
  """Decodes a PNG or JPEG.

  Orientation tags are applied, transparency is laid on black, 16-bit grey is scaled to 8 bits.

  Returns:
    [S, S, C] uint8.

  Raises:
    DecodeError: no PNG or JPEG, damaged, or too large to be meant.
  """
  if not data:
    raise DecodeError('the file is empty')
  try:
    with warnings.catch_warnings():
      # Pillow warns of bombs and odd metadata; the size is checked here.
      warnings.simplefilter('ignore')
      with PIL.Image.open(io.BytesIO(data), formats=('PNG', 'JPEG')) as image:
        _check_size(image)
        image.load()
        return fit(_flatten(image), image_size, num_channels)
  except PIL.UnidentifiedImageError as error:
    raise DecodeError('not a PNG or JPEG image') from error
  except DecodeError:
    raise
  except Exception as error:  # Pillow's decoders raise nearly anything on damaged bytes
    raise DecodeError(f'damaged image: {" ".join(str(error).split())}') from error


def fit(image: PIL.Image.Image, image_size: int, num_channels: int) -> np.ndarray:
  """Crops the centre square and resizes it, antialiased; a picture of that size stays as it is.

  Returns:
    [S, S, C] uint8.
  """
  image = image.convert(_MODES[num_channels])
  if image.size != (image_size, image_size):
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.resize(
      (image_size, image_size),
      PIL.Image.Resampling.LANCZOS,
      box=(left, top, left + side, top + side),
    )
  return np.asarray(image, np.uint8).reshape(image_size, image_size, num_channels)


def fit_grey(images: np.ndarray, image_size: int, num_channels: int) -> np.ndarray:
  """Does what `fit` does for grey arrays.

  Args:
    images: [B, H, W] uint8.
    image_size: S.
    num_channels: 1, or 3 for three equal channels.

  Returns:
    [B, S, S, C] uint8.
  """
  if images.shape[1:] != (image_size, image_size):
    images = np.stack([fit(PIL.Image.fromarray(i), image_size, 1)[..., 0] for i in images])
  return np.repeat(images[..., None], num_channels, axis=-1)


def fit_arrays(images: np.ndarray, image_size: int, num_channels: int) -> np.ndarray:
  """Does what `fit` does for arrays, grey or colour.

  Args:
    images: [B, H, W], [B, H, W, 1] or [B, H, W, 3] uint8.
    image_size: S.
    num_channels: 1 or 3, whatever the arrays have.

  Returns:
    [B, S, S, C] uint8.
  """
  if images.ndim == 3 or images.shape[-1] == 1:
    return fit_grey(images.reshape(images.shape[:3]), image_size, num_channels)
  if images.shape[1:] == (image_size, image_size, num_channels):
    return images
  return np.stack([fit(PIL.Image.fromarray(i), image_size, num_channels) for i in images])


def _check_size(image: PIL.Image.Image) -> None:
  if image.width * image.height > _MAX_PIXELS:
    raise DecodeError(
      f'{image.width}x{image.height} pixels are more than the limit of {_MAX_PIXELS}'
    )


def _flatten(image: PIL.Image.Image) -> PIL.Image.Image:
  """Upright, opaque, 8 bits a channel."""
  image = PIL.ImageOps.exif_transpose(image)
  if image.mode.startswith('I'):  # 16-bit grey; Pillow's own conversion would clip at 255
    return PIL.Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
  if image.has_transparency_data:
    image = image.convert('RGBA')
    black = PIL.Image.new('RGBA', image.size, (0, 0, 0, 255))
    return PIL.Image.alpha_composite(black, image).convert('RGB')
  return image
