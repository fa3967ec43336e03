import pathlib

import numpy as np
import pytest
import tf_keras

from mobile import convert, flatbuffer, replay, tanh_range
from tests.mobile import test_convert
from tests.serving import tiny_models


def wide_generator() -> tf_keras.Model:
  """Its last convolution makes values of 30 and more; a depth_to_space and tanh follow."""
  generator = tiny_models.generator()
  last = generator.get_layer('last')
  last.kernel.assign(20 * last.kernel)
  return generator


def before_tanh(model: bytes) -> tuple[float, int]:
  """Scale and zero point of what tanh reads."""
  parsed = flatbuffer.parse(model)
  graph = parsed.subgraphs[0]
  names = [flatbuffer.operation_name(parsed, operator) for operator in graph.operators]
  return flatbuffer.quantisation(graph.tensors[graph.operators[names.index('TANH')].inputs[0]])


def int8(generator: tf_keras.Model) -> bytes:
  return convert.convert('int8', generator, test_convert.samples(100, 0), test_convert.info())


def test_steps_are_where_tanh_is_steep(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  generator, test = wide_generator(), test_convert.samples(50, 1)
  images = generator([test.latents, test.labels], training=False).numpy()
  wanted = np.round(127.5 * (images + 1))
  mended = int8(generator)
  monkeypatch.setattr(tanh_range, 'mend', lambda _: None)
  levels, errors = [], []
  for model in (int8(generator), mended):
    (tmp_path / 'm.tflite').write_bytes(model)
    pixels = replay.Generator(tmp_path / 'm.tflite').pixels(test.latents, test.labels)
    levels.append(len(np.unique(pixels)))
    errors.append(np.mean((pixels - wanted) ** 2))
  assert levels[1] > 2 * levels[0]
  assert errors[1] < 0.8 * errors[0]
  assert (pixels.min(), pixels.max()) == (0, 255)


def test_a_narrow_range_stays():
  generator = tiny_models.generator()
  last = generator.get_layer('last')
  last.kernel.assign(0.1 * last.kernel)
  scale, zero_point = before_tanh(int8(generator))
  assert scale < tanh_range.SCALE
  assert zero_point != 0


def test_what_does_not_saturate_stays():
  generator = wide_generator()
  x = tf_keras.layers.LeakyReLU(0.5)(generator.layers[-2].output)
  generator = tf_keras.Model(generator.inputs, tf_keras.layers.Activation('tanh')(x))
  assert before_tanh(int8(generator))[0] > tanh_range.SCALE
