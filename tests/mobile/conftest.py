import pathlib

import numpy as np
import pytest
import tf_keras

from mobile import convert, self_test
from pipeline.latents import latents_from_seeds
from pipeline.networks import digits
from pipeline.networks.spec import ModelSpec
from tests.mobile.lively import lively
from tests.mobile.no_skips import pytest_runtest_makereport  # noqa: F401

NAMES = tuple(str(digit) for digit in range(10))


@pytest.fixture(scope='session')
def bundle(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """The default generator, untrained, as apps get it: .tflite files and golden.json."""
  path = tmp_path_factory.mktemp('bundle')
  spec = ModelSpec(
    network='digits', latent_size=100, num_classes=10, class_names=NAMES, image_shape=(28, 28, 1)
  )
  latents = latents_from_seeds(np.arange(100), 100).numpy()
  labels = np.arange(100) % 10
  tf_keras.utils.set_random_seed(0)
  generator = lively(digits.generator(spec), latents, labels)
  info = convert.GanInfo(
    latent_size=100,
    num_classes=10,
    class_names=NAMES,
    image_shape=(28, 28, 1),
    version='0.1.0',
    golden_digest='ab12',
  )
  calibration = convert.Calibration(latents, labels)
  convert.export_tflite(path, generator=generator, calibration=calibration, info=info)
  self_test.write(path, latents, labels)
  return path
