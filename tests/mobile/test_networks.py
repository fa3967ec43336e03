"""Every network that can be trained makes the same pictures in INT8, whatever its layers become."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tf_keras

from mobile import convert, psnr, replay
from mobile.requantization import Requantizer
from pipeline import networks
from pipeline.config.train import NETWORKS
from tests.mobile.lively import lively
from tests.mobile.test_qat import drawn
from tests.mobile.tiny_info import INFO


def generator(network: str) -> tf_keras.Model:
  """Conditional, of 16x16 pixels; every weight of its own."""
  tf_keras.utils.set_random_seed(3)
  spec = networks.ModelSpec(
    network=network, latent_size=8, num_classes=3, class_names=INFO.class_names,
    image_shape=(16, 16, 1),
  )  # fmt: skip
  return lively(networks.build_generator(spec), *drawn(64, 3).inputs)


def psnr_db(model: bytes, path: pathlib.Path, wanted: np.ndarray) -> float:
  path.write_bytes(model)
  test = drawn(32, 1)
  made = replay.Generator(path).pixels(test.latents, test.labels).astype(np.float32)
  return psnr.psnr_db(np.square(made - wanted).mean())


@pytest.mark.slow
@pytest.mark.parametrize('network', NETWORKS)
def test_int8_is_near_float32(network: str, tmp_path: pathlib.Path):
  model, info = generator(network), dataclasses.replace(INFO, image_shape=(16, 16, 1))
  test = drawn(32, 1)
  wanted = 127.5 * (model([test.latents, test.labels], training=False).numpy() + 1)
  assert wanted.std(axis=0).mean() > 1  # the pictures differ
  path = tmp_path / 'generator.tflite'
  assert psnr_db(convert.convert('int8', model, drawn(100, 0), info), path, wanted) > 30
  requantizer = Requantizer(convert.convert('f32', model, drawn(1, 0), info), drawn(100, 0))
  every = [each.number for each in requantizer.operations]
  assert psnr_db(requantizer.exported(()), path, wanted) > 30
  assert psnr_db(requantizer.exported(every), path, wanted) > 48
