import io

import numpy as np
import PIL.Image
import pytest

from serving.client import LabelError, ResponseError, ShapeError, TensorSpec, checks

GREY, COLOUR = PIL.Image.new('L', (3, 2), 51), PIL.Image.new('RGB', (3, 2), (0, 51, 255))


def labels(values, batch: int = 2, takes_labels: bool = True, num_classes: int | None = 10):
  return checks.labels(
    values, batch, takes_labels=takes_labels, num_classes=num_classes, model='model m'
  )


@pytest.mark.parametrize('values', [7, [7, 7], np.array([7, 7], np.uint8), np.int64(7)])
def test_labels(values):
  array = labels(values)
  assert array.dtype == np.int64
  assert array.tolist() == [7, 7]


@pytest.mark.parametrize(
  ('values', 'message'),
  [
    (10, r'label=10, but model m has the labels 0\.\.9'),
    ([3, -1], r'label=-1, but model m has the labels 0\.\.9'),
    ([1, 2, 3], r'shape \[3\] for 2 images'),
    ([[1, 2]], r'shape \[1, 2\]'),
    (1.0, 'Pass integers'),
    (True, 'Pass integers'),
    ('7', 'Pass integers'),
    (2**63, 'Pass integers'),
    ([], 'Pass'),
  ],
)
def test_labels_that_can_not_be(values, message: str):
  with pytest.raises(LabelError, match=message):
    labels(values)


@pytest.mark.parametrize('values', [[], np.zeros(0, np.int64), 7, [[1]], [1.5], ['a'], [2**64]])
def test_seeds_that_can_not_be(values):
  with pytest.raises(ShapeError, match='Pass'):
    checks.seeds(values)


def test_seeds_of_all_signs():
  assert checks.seeds([-(2**63), 2**63 - 1]).tolist() == [-(2**63), 2**63 - 1]


@pytest.mark.parametrize('values', [[['a']], [[np.nan]], [[np.inf]], [[1], [1, 2]]])
def test_latents_that_can_not_be(values):
  with pytest.raises(ShapeError, match='latents'):
    checks.latents(values)


def test_images():
  np.testing.assert_array_equal(checks.images([GREY]), np.full([1, 2, 3, 1], 51 / np.float32(255)))
  assert checks.images([COLOUR, COLOUR]).shape == (2, 2, 3, 3)
  assert checks.images(np.array([[[[0, 255]]]], np.uint8)).tolist() == [[[[0.0, 1.0]]]]


@pytest.mark.parametrize(
  'values',
  [
    [],
    [GREY, COLOUR],
    [GREY, PIL.Image.new('L', (2, 2))],
    np.array([1.01]),
    np.array([-0.01]),
    np.array([np.nan]),
    np.array([1, 2]),
  ],
)
def test_images_that_can_not_be(values):
  with pytest.raises(ShapeError, match='Pass'):
    checks.images(values)


def test_pictures():
  stream = io.BytesIO()
  COLOUR.save(stream, 'PNG')
  assert checks.picture(stream.getvalue()).getpixel((0, 0)) == (0, 51, 255)
  for damaged in (b'', b'GIF89a', stream.getvalue()[:50]):
    with pytest.raises(ResponseError, match='no PNG'):
      checks.picture(damaged)


@pytest.mark.parametrize(
  ('shape', 'dtype', 'fits'),
  [
    ((-1, 3), 'DT_FLOAT', True),
    ((2, 3), 'DT_FLOAT', True),
    (None, 'DT_FLOAT', True),
    ((-1, 4), 'DT_FLOAT', False),
    ((-1,), 'DT_FLOAT', False),
    ((-1, 3, 1), 'DT_FLOAT', False),
    ((-1, 3), 'DT_INT64', False),
  ],
)
def test_fits(shape, dtype: str, fits: bool):
  array = np.zeros([2, 3], np.float32)
  assert checks.fits(array, TensorSpec(dtype=dtype, shape=shape)) is fits
