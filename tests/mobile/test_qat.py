"""The emulated rounding against the converter's, and what fine-tuning with it wins."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from mobile import convert, distillation, fake_quantization, flatbuffer, folding, qat, replay
from mobile.calibration import Calibration
from pipeline.networks import convolution, layers
from tests.mobile.lively import lively
from tests.mobile.tiny_info import INFO

L = tf_keras.layers


def drawn(num_samples: int, seed: int) -> Calibration:
  latents = np.random.default_rng(seed).standard_normal([num_samples, 8]).astype(np.float32)
  return Calibration(latents, np.arange(num_samples) % 3)


def network() -> tf_keras.Model:
  """Each kind of layer that has a kernel, each kind of activation."""
  tf_keras.utils.set_random_seed(2)
  latents, labels = tf_keras.Input([8]), tf_keras.Input([], dtype=tf.int32)
  x = L.Concatenate()([latents, layers.OneHot(3)(labels)])
  x = L.ReLU()(L.BatchNormalization()(L.Dense(4 * 4 * 8, use_bias=False)(x)))
  x = L.Reshape([4, 4, 8])(x)
  x = convolution.Conv2DTranspose(8, 4, 2, padding='same', use_bias=False, name='up')(x)
  x = L.LeakyReLU(0.3)(L.BatchNormalization()(x))
  x = L.Activation('tanh')(L.Conv2D(1, 3, padding='same', name='last')(x))
  return lively(tf_keras.Model([latents, labels], x), *drawn(64, 3).inputs)


def pixels(model: tf_keras.Model, path: pathlib.Path, test: Calibration) -> np.ndarray:
  path.write_bytes(convert.convert('int8', model, drawn(100, 0), INFO))
  return replay.Generator(path).pixels(test.latents, test.labels).astype(int)


def emulated(model: tf_keras.Model, test: Calibration) -> np.ndarray:
  """Pixels of the Keras model that rounds as the file does."""
  ranges = fake_quantization.measure(model, drawn(100, 0).inputs)
  images = fake_quantization.fake_quantized(model, ranges)(test.inputs, training=True)
  return np.round(images.numpy() * 128 + 128).astype(int)


def test_the_file_makes_the_pictures_of_the_emulation(tmp_path: pathlib.Path):
  model, test = folding.folded(network()), drawn(50, 1)
  made = pixels(model, tmp_path / 'm.tflite', test)
  apart = np.abs(made - emulated(model, test))
  exact = np.abs(made - 127.5 * (model(test.inputs).numpy() + 1))
  assert np.mean(apart <= 2) > 0.9
  assert apart.mean() < 0.3 * exact.mean()


def test_the_file_has_the_weights_of_the_emulation(tmp_path: pathlib.Path):
  model = folding.folded(network())
  parsed = flatbuffer.parse(convert.convert('int8', model, drawn(100, 0), INFO))
  constants = [
    np.asarray(parsed.buffers[tensor.buffer].data, np.uint8).view(np.int8).reshape(tensor.shape)
    for tensor in parsed.subgraphs[0].tensors
    if flatbuffer.type_name(tensor) == 'int8' and parsed.buffers[tensor.buffer].data is not None
  ]
  kernel = model.get_layer('up').kernel.numpy()  # [k, k, C', C]
  scale = np.abs(kernel).max(axis=(0, 1, 3), keepdims=True) / 127
  expected = np.round(kernel / scale).astype(int).transpose(2, 0, 1, 3)
  found = [c for c in constants if c.shape == expected.shape]
  assert any(np.abs(c - expected).max() <= 1 and np.mean(c != expected) < 0.01 for c in found)


def heavy_tailed() -> tf_keras.Model:
  """A network whose channels have one weight far above the rest, which then loses its steps."""
  model = network()
  for layer in model.layers:
    if isinstance(layer, L.Conv2D):
      kernel = layer.kernel.numpy()
      kernel[0, 0] *= 4
      layer.kernel.assign(kernel)
  return model


@pytest.mark.slow
def test_fine_tuning_brings_the_file_nearer_to_the_teacher(tmp_path: pathlib.Path):
  teacher, test = heavy_tailed(), drawn(200, 1)
  losses: list[float] = []
  inputs = drawn(300 * distillation.BATCH_SIZE, 2).inputs
  tuning = distillation.Tuning(teacher, inputs, 1e-3, lambda step, loss: losses.append(loss))
  tuned = qat.tuned(tuning, drawn(100, 0))
  wanted = 127.5 * (teacher(test.inputs, training=False).numpy() + 1)
  before = np.square(pixels(teacher, tmp_path / 'ptq.tflite', test) - wanted).mean()
  after = np.square(pixels(tuned, tmp_path / 'qat.tflite', test) - wanted).mean()
  assert len(losses) == 300
  assert after < 0.95 * before
