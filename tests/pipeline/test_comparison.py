import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import comparison


def pictures(seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).integers(0, 256, [5, 4, 4, 1], np.uint8)


def test_psnr_by_its_definition():
  a, b = pictures(1), pictures(2)
  for got, x, y in zip(comparison.psnr_db(a, b), a.astype(float), b.astype(float), strict=True):
    assert got == pytest.approx(20 * np.log10(255 / np.sqrt(np.mean((x - y) ** 2))))


def test_psnr_of_equal_pictures_can_be_written_as_json():
  assert comparison.psnr_db(pictures(), pictures()).tolist() == [99.0] * 5


def test_levels_do_not_wrap():
  black, white = np.zeros([1, 2, 2, 1], np.uint8), np.full([1, 2, 2, 1], 255, np.uint8)
  assert comparison.levels_apart(black, white).max() == 255
  assert comparison.levels_apart(white, black).max() == 255


def test_worst_sample_is_the_worst():
  golden = pictures()
  pixels = golden.copy()
  pixels[1, 0, 0, 0] ^= 1
  pixels[3] ^= 16
  psnr = comparison.mean_psnr(pixels, golden, {'min_psnr_db': 25.0})
  assert psnr['worst_sample'] == 3
  assert psnr['worst_value'] == pytest.approx(comparison.psnr_db(pixels, golden)[3])
  levels = comparison.levels_apart(pixels, golden)
  largest = comparison.largest('max_level_difference', levels, {'max_level_difference': 1})
  assert (largest['worst_sample'], largest['value'], largest['passed']) == (3, 16, False)
  off = comparison.share_off('max_pixel_share_off', levels > 0, {'max_pixel_share_off': 0.3})
  assert (off['worst_sample'], off['value'], off['passed']) == (3, 17 / 80, True)


@given(st.sampled_from(['min_x', 'max_x']), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_name_says_what_the_limit_is(name: str, value: float, limit: float):
  passed = value >= limit if name == 'min_x' else value <= limit
  assert comparison.check(name, value, limit)['passed'] == passed


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
@pytest.mark.parametrize('name', ['min_psnr_db', 'max_float_difference'])
def test_what_is_not_finite_fails_and_can_be_written(name: str, value: float):
  result = comparison.check(name, value, 0.5)
  assert not result['passed']
  json.dumps(result, allow_nan=False)
  validation = {'models': [{'file': 'm', 'checks': [result]}]}
  assert 'not finite' in comparison.failures(validation)[0]


def test_images_that_are_not_finite_are_found():
  images = np.zeros([4, 2, 2, 1])
  images[2, 1, 1, 0] = np.nan
  result = comparison.largest('max_float_difference', images, {'max_float_difference': 1e-4})
  assert (result['passed'], result['worst_sample']) == (False, 2)
  json.dumps(result, allow_nan=False)


def test_failures_name_file_figure_limit_and_sample():
  golden = pictures()
  pixels = golden ^ np.uint8(64)
  psnr = comparison.mean_psnr(pixels, golden, {'min_psnr_db': 25.0})
  psnr = comparison.name_label(psnr, np.array([4, 4, 4, 4, 4]))
  fine = comparison.check('max_size_ratio', 0.3, 0.35)
  models = [{'file': 'generator.tflite', 'checks': [fine, psnr]}, {'file': 'b', 'checks': [fine]}]
  assert comparison.failures({'models': models}) == [
    'generator.tflite: mean PSNR 12.01 dB < 25 dB, worst golden sample 0 (label 4, 12.01 dB)'
  ]
