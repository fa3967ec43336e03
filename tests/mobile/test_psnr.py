import numpy as np
import pytest

from mobile.psnr import psnr_db


def test_by_its_definition_and_bounded_for_json():
  assert psnr_db(255.0**2) == 0
  assert psnr_db(np.array([2.0, 1e-3])) == pytest.approx(20 * np.log10(255 / np.sqrt([2.0, 1e-3])))
  assert psnr_db(0.0) == psnr_db(1e-12) == 99
