import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from pipeline.ingest import pixels
from tests.pipeline.ingest.files import encode_image

_GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
_COLOUR = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)


def test_a_picture_of_the_right_size_keeps_its_bytes():
  np.testing.assert_array_equal(pixels.decode_image(encode_image(_GREY), 8, 1)[..., 0], _GREY)
  np.testing.assert_array_equal(pixels.decode_image(encode_image(_COLOUR), 8, 3), _COLOUR)


def test_grey_and_colour_convert():
  as_colour = pixels.decode_image(encode_image(_GREY), 8, 3)
  np.testing.assert_array_equal(as_colour, np.repeat(_GREY[..., None], 3, -1))
  as_grey = pixels.decode_image(encode_image(_COLOUR), 8, 1)[..., 0]
  assert np.abs(as_grey - _COLOUR @ [0.299, 0.587, 0.114]).max() <= 1  # ITU-R 601


def test_jpeg():
  flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
  image = pixels.decode_image(encode_image(flat, 'JPEG', quality=95), 16, 3)
  assert np.abs(image.astype(int) - flat).max() <= 3


def test_crops_the_centre_of_the_short_side():
  wide = np.zeros((8, 24), np.uint8)
  wide[:, 8:16] = _GREY
  np.testing.assert_array_equal(pixels.decode_image(encode_image(wide), 8, 1)[..., 0], _GREY)
  np.testing.assert_array_equal(
    pixels.decode_image(encode_image(wide.T.copy()), 8, 1)[..., 0], _GREY.T
  )


def test_resizing_is_antialiased():
  stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))  # finer than the result can show
  image = pixels.decode_image(encode_image(stripes), 16, 1)
  assert np.abs(image[2:-2, 2:-2].astype(int) - 127).max() <= 16


def test_enlarges():
  image = pixels.decode_image(encode_image(np.full((3, 5), 77, np.uint8)), 32, 1)
  assert (image == 77).all()
  assert image.shape == (32, 32, 1)


def test_transparency_lies_on_black():
  rgba = np.full((8, 8, 4), 255, np.uint8)
  rgba[:4, :, 3] = 0
  image = pixels.decode_image(encode_image(rgba), 8, 1)[..., 0]
  assert (image[:4] == 0).all()
  assert (image[4:] == 255).all()


def test_sixteen_bit_grey_is_scaled():
  deep = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
  image = pixels.decode_image(encode_image(deep), 8, 1)[..., 0]
  np.testing.assert_array_equal(image, deep // 257)


def test_orientation_tags_are_applied():
  exif = PIL.Image.Exif()
  exif[0x0112] = 6  # turn by 90 degrees to see it upright
  half = np.zeros((16, 16), np.uint8)
  half[:8] = 255
  image = pixels.decode_image(encode_image(half, 'JPEG', exif=exif), 16, 1)[..., 0]
  assert image[:, -1].mean() > 250
  assert image[:, 0].mean() < 5


def test_palette_with_transparency():
  image = PIL.Image.new('P', (8, 8), 1)
  image.putpalette([0, 0, 0, 90, 90, 90])
  buffer = io.BytesIO()
  image.save(buffer, 'PNG', transparency=0)
  assert (pixels.decode_image(buffer.getvalue(), 8, 1) == 90).all()


@pytest.mark.parametrize(
  ('data', 'reason'),
  [
    (b'', 'empty'),
    (b'these are words', 'not a PNG or JPEG'),
    (encode_image(_GREY, 'GIF'), 'not a PNG or JPEG'),
    (encode_image(_COLOUR)[:-30], 'damaged image'),
    (encode_image(_COLOUR, 'JPEG')[:-80], 'damaged image'),
    (encode_image(_COLOUR)[:40], 'not a PNG or JPEG'),
  ],
)
def test_unusable_bytes(data, reason):
  with pytest.raises(pixels.DecodeError, match=reason):
    pixels.decode_image(data, 8, 1)


@pytest.mark.parametrize('side', [9000, 20_000])  # Pillow warns of the one, refuses the other
def test_decompression_bombs_are_refused(side):
  bomb = bytearray(encode_image(_GREY))
  bomb[16:24] = struct.pack('>II', side, side)
  bomb[29:33] = struct.pack('>I', zlib.crc32(bomb[12:29]))
  with pytest.raises(pixels.DecodeError, match='limit'):
    pixels.decode_image(bytes(bomb), 8, 1)


def test_every_truncation_and_flip_is_a_decode_error():
  rng = np.random.default_rng(0)
  for kind in ('PNG', 'JPEG'):
    whole = encode_image(_COLOUR, kind)
    for _ in range(150):
      data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
      data[rng.integers(len(data))] ^= int(rng.integers(1, 256))
      try:
        assert pixels.decode_image(bytes(data), 8, 3).shape == (8, 8, 3)
      except pixels.DecodeError as error:
        assert '\n' not in str(error)  # noqa: PT017 - either outcome is right


def test_arrays_fit_like_pictures():
  images = np.stack([_GREY, _GREY[::-1]])
  np.testing.assert_array_equal(pixels.fit_grey(images, 8, 1)[..., 0], images)
  assert pixels.fit_grey(images, 8, 3).shape == (2, 8, 8, 3)
  np.testing.assert_array_equal(
    pixels.fit_grey(images, 5, 1)[0], pixels.decode_image(encode_image(_GREY), 5, 1)
  )


def test_colour_arrays_fit_like_pictures():
  images = np.stack([_COLOUR, _COLOUR[::-1]])
  np.testing.assert_array_equal(pixels.fit_arrays(images, 8, 3), images)
  for size, channels in ((8, 1), (5, 3), (28, 1), (128, 3)):
    fitted = pixels.fit_arrays(images, size, channels)
    assert fitted.shape == (2, size, size, channels)
    np.testing.assert_array_equal(
      fitted[0], pixels.decode_image(encode_image(_COLOUR), size, channels)
    )


def test_one_channel_is_grey():
  images = np.stack([_GREY, _GREY[::-1]])
  for stored in (images, images[..., None]):
    np.testing.assert_array_equal(pixels.fit_arrays(stored, 5, 3), pixels.fit_grey(images, 5, 3))
