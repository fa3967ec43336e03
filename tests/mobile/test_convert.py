import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from mobile import convert, delegation, flatbuffer, gan_info, one_hot, replay, verify
from mobile.requantization import Requantizer
from tests.serving import tiny_models

NAMES = ('nought', 'ä', '日')


def info(num_classes: int = 3, size: int = 8) -> convert.GanInfo:
  return convert.GanInfo(
    latent_size=8,
    num_classes=num_classes,
    class_names=NAMES[:num_classes],
    image_shape=(size, size, 1),
    version='0.1.0',
    golden_digest='ab12',
  )


def samples(num_samples: int, seed: int) -> convert.Calibration:
  latents = np.random.default_rng(seed).standard_normal([num_samples, 8]).astype(np.float32)
  return convert.Calibration(latents, np.arange(num_samples) % 3)


def unlabelled(calibration: convert.Calibration) -> convert.Calibration:
  return convert.Calibration(calibration.latents)


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('tflite')
  convert.export_tflite(
    path, generator=tiny_models.generator(), calibration=samples(100, 0), info=info()
  )
  return path


@pytest.fixture(scope='module')
def pixels() -> np.ndarray:
  return wanted(tiny_models.generator())


def wanted(generator: tf_keras.Model) -> np.ndarray:
  test = samples(30, 1)
  images = generator([test.latents, test.labels], training=False).numpy()
  return np.round((images + 1) * 127.5)


def played(path: pathlib.Path) -> np.ndarray:
  test = samples(30, 1)
  return replay.Generator(path).pixels(test.latents, test.labels).astype(int)


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
  return float(10 * np.log10(255**2 / np.mean((a - b.astype(float)) ** 2)))


def test_float32_pixels_are_golden(files: pathlib.Path, pixels: np.ndarray):
  assert np.abs(played(files / 'generator_f32.tflite') - pixels).max() <= 1


def test_float16_pixels_are_close(files: pathlib.Path, pixels: np.ndarray):
  assert psnr_db(played(files / 'generator_f16.tflite'), pixels) > 50


@pytest.mark.parametrize('name', ['generator.tflite', 'generator_i8.tflite'])
def test_int8_pixels_are_close(files: pathlib.Path, pixels: np.ndarray, name: str):
  assert psnr_db(played(files / name), pixels) > 40


@pytest.mark.parametrize('kind', ['int8', 'i8', 'dynamic', 'f16'])
def test_a_learned_embedding_of_the_label(tmp_path: pathlib.Path, kind: str):
  generator = tiny_models.generator(embedding_size=50)
  model = convert.convert(kind, generator, samples(100, 0), info())
  (tmp_path / 'm.tflite').write_bytes(model)
  assert psnr_db(played(tmp_path / 'm.tflite'), wanted(generator)) > 40


def test_an_embedding_whose_reader_is_in_float32(tmp_path: pathlib.Path):
  generator = tiny_models.generator(embedding_size=50)
  requantizer = Requantizer(
    convert.convert('f32', generator, samples(5, 0), info()), samples(100, 0)
  )
  last = [each.number for each in requantizer.operations if each.kind == 'CONV_2D']
  others = [each.number for each in requantizer.operations if each.number not in last]
  (tmp_path / 'm.tflite').write_bytes(requantizer.exported(others))
  assert psnr_db(played(tmp_path / 'm.tflite'), wanted(generator)) > 40


def test_both_int8_files_make_the_same_bytes(files: pathlib.Path):
  np.testing.assert_array_equal(
    played(files / 'generator.tflite'), played(files / 'generator_i8.tflite')
  )


@pytest.mark.parametrize(
  ('name', 'types'),
  [
    ('generator.tflite', ('float32', 'uint8')),
    ('generator_i8.tflite', ('int8', 'int8')),
    ('generator_f32.tflite', ('float32', 'uint8')),
    ('generator_f16.tflite', ('float32', 'uint8')),
  ],
)
def test_signature_as_the_runtime_sees_it(files: pathlib.Path, name: str, types: tuple[str, str]):
  interpreter = Interpreter(str(files / name))
  assert list(interpreter.get_signature_list()) == ['generate']
  runner = interpreter.get_signature_runner('generate')
  details = runner.get_input_details() | runner.get_output_details()
  seen = {k: (np.dtype(d['dtype']).name, d['shape'].tolist()) for k, d in details.items()}
  assert seen == {
    'latent': (types[0], [1, 8]),
    'label': ('int32', [1]),
    'pixels': (types[1], [1, 8, 8, 1]),
  }
  signed = [list(d['shape_signature']) for d in details.values()]
  assert all(-1 not in shape for shape in signed)


def test_planted_wrong_weight_moves_the_pixels(files: pathlib.Path, pixels: np.ndarray):
  generator = tiny_models.generator()
  tiny_models.plant_wrong_weight(generator, 2.0)
  for kind, name in (('f32', 'f32.tflite'), ('int8', 'int8.tflite')):
    path = files / name
    path.write_bytes(convert.convert(kind, generator, samples(100, 0), info()))
    assert psnr_db(played(path), pixels) < 25


def test_a_generator_without_labels(tmp_path: pathlib.Path):
  generator = tiny_models.generator(0)
  model = convert.convert('int8', generator, unlabelled(samples(100, 0)), info(0))
  (tmp_path / 'm.tflite').write_bytes(model)
  test = samples(30, 1)
  images = generator(test.latents, training=False).numpy()
  got = replay.Generator(tmp_path / 'm.tflite').pixels(test.latents, None)
  assert psnr_db(got, np.round((images + 1) * 127.5)) > 40


@pytest.mark.parametrize(
  ('quantization', 'kind'), [('dynamic', 'dynamic'), ('float16', 'f16'), ('none', 'f32')]
)
def test_a_bundle_without_integers(
  tmp_path: pathlib.Path, pixels: np.ndarray, quantization: str, kind: str
):
  convert.export_tflite(
    tmp_path,
    generator=tiny_models.generator(),
    calibration=samples(5, 0),
    info=info(),
    quantization=quantization,
  )
  names = {'generator.tflite', 'generator_f32.tflite', 'generator_f16.tflite'}
  assert {path.name for path in tmp_path.iterdir()} == names
  assert verify.kind((tmp_path / 'generator.tflite').read_bytes()) == kind
  assert np.abs(played(tmp_path / 'generator.tflite') - pixels).mean() < 2


def test_gan_info_can_be_read_back(files: pathlib.Path):
  read = gan_info.read((files / 'generator.tflite').read_bytes())
  assert (read.class_names, read.image_shape, read.golden_digest) == (NAMES, (8, 8, 1), 'ab12')
  assert read.latent_coding == {'dtype': 'float32', 'scale': 1.0, 'zero_point': 0}
  assert read.pixel_coding == {'dtype': 'uint8', 'offset': 0}


def test_gan_info_tells_how_to_feed_the_int8_file(files: pathlib.Path):
  read = gan_info.read((files / 'generator_i8.tflite').read_bytes())
  runner = Interpreter(str(files / 'generator_i8.tflite')).get_signature_runner('generate')
  scale, zero_point = runner.get_input_details()['latent']['quantization']
  assert read.latent_coding['scale'] == pytest.approx(scale)
  assert read.latent_coding['zero_point'] == zero_point
  assert read.pixel_coding == {'dtype': 'int8', 'offset': 128}


def test_gan_info_is_replaced_not_repeated(files: pathlib.Path):
  model = (files / 'generator.tflite').read_bytes()
  parsed = flatbuffer.parse(model)
  gan_info.attach(parsed, info(0))
  again = flatbuffer.pack(parsed)
  assert gan_info.read(again).num_classes == 0
  names = [m.name for m in flatbuffer.parse(again).metadata]
  assert names.count(b'GAN_INFO') == 1


@pytest.mark.parametrize('contents', [b'', b'no model', b'\0' * 100])
def test_gan_info_of_something_else_is_refused(contents: bytes):
  with pytest.raises(ValueError, match='TFLite model'):
    gan_info.read(contents)


@pytest.mark.parametrize('share', [0.01, 0.5, 0.99])
def test_gan_info_of_a_file_that_is_cut_short_is_refused(files: pathlib.Path, share: float):
  model = (files / 'generator.tflite').read_bytes()
  with pytest.raises(ValueError, match='this TFLite model is cut short or damaged'):
    gan_info.read(model[: int(share * len(model))])


@pytest.mark.parametrize(
  ('before', 'after', 'said'),
  [
    (b'"version"', b'"vershun"', 'TypeError: .*vershun'),  # a field that this version lacks
    (b'"image_shape"', b'"image_shap?"', 'KeyError: .image_shape'),
    (b'{', b'?', 'JSONDecodeError: '),
  ],
)
def test_gan_info_of_another_version_is_refused(
  files: pathlib.Path, before: bytes, after: bytes, said: str
):
  parsed = flatbuffer.parse((files / 'generator.tflite').read_bytes())
  buffer = parsed.buffers[next(m.buffer for m in parsed.metadata if m.name == b'GAN_INFO')]
  buffer.data = np.frombuffer(buffer.data.tobytes().replace(before, after, 1), np.uint8)
  with pytest.raises(ValueError, match=f'GAN_INFO is not of this version .{said}.* Use a file'):
    gan_info.read(flatbuffer.pack(parsed))


@pytest.mark.parametrize('name', convert.FILES.values())
def test_constants_lie_where_a_mapped_file_can_be_used_in_place(files: pathlib.Path, name: str):
  root = schema.Model.GetRootAs((files / name).read_bytes(), 0)
  for i in range(root.BuffersLength()):
    buffer = root.Buffers(i)
    if buffer.DataLength():
      assert buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0


@pytest.mark.parametrize('embedding_size', [0, 50])
def test_converter_still_needs_mending(
  monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, embedding_size: int
):
  # When this fails, TensorFlow quantises a label's constants rightly: see mobile/one_hot.py.
  generator = tiny_models.generator(embedding_size=embedding_size)
  monkeypatch.setattr(one_hot, 'mend', lambda model: None)
  monkeypatch.setattr(delegation, 'problems', lambda model: [])
  model = convert.convert('int8', generator, samples(100, 0), info())
  (tmp_path / 'm.tflite').write_bytes(model)
  assert psnr_db(played(tmp_path / 'm.tflite'), wanted(generator)) < 30


def test_mending_twice_changes_nothing(files: pathlib.Path):
  parsed = flatbuffer.parse((files / 'generator.tflite').read_bytes())
  one_hot.mend(parsed)
  (files / 'again.tflite').write_bytes(flatbuffer.pack(parsed))
  np.testing.assert_array_equal(played(files / 'again.tflite'), played(files / 'generator.tflite'))


def problems(model: bytes, **changes) -> list[str]:
  wanted = {
    'latent_size': 8,
    'num_classes': 3,
    'image_shape': (8, 8, 1),
    'io_types': verify.FLOAT_IO,
    'is_int8': True,
  }
  return verify.problems(model, **wanted | changes)


def test_verify_passes_what_is_right(files: pathlib.Path):
  assert problems((files / 'generator.tflite').read_bytes()) == []


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    ({'latent_size': 9}, 'latent is float32 [1, 8], not float32 [1, 9]'),
    ({'image_shape': (8, 8, 3)}, 'pixels is uint8 [1, 8, 8, 1], not uint8 [1, 8, 8, 3]'),
    ({'io_types': verify.INT8_IO}, 'latent is float32 [1, 8], not int8 [1, 8]'),
    ({'num_classes': 0}, "signature 'generate' has ['label', 'latent', 'pixels']"),
  ],
)
def test_verify_says_what_is_wrong(files: pathlib.Path, change: dict, said: str):
  assert said in problems((files / 'generator.tflite').read_bytes(), **change)[0]


def test_verify_finds_float_operations(files: pathlib.Path):
  found = problems((files / 'generator_f32.tflite').read_bytes())
  assert any(line.startswith('CONV_2D computes in float') for line in found)


def test_verify_finds_another_signature(files: pathlib.Path):
  model = flatbuffer.parse((files / 'generator.tflite').read_bytes())
  model.signatureDefs[0].signatureKey = b'other'
  assert 'other' in problems(flatbuffer.pack(model))[0]


def test_verify_finds_a_size_that_is_not_fixed(files: pathlib.Path):
  model = flatbuffer.parse((files / 'generator.tflite').read_bytes())
  tensor = model.subgraphs[0].tensors[model.subgraphs[0].operators[1].outputs[0]]
  tensor.shapeSignature = np.array([-1, *tensor.shape[1:]], np.int32)
  assert problems(flatbuffer.pack(model)) == ['a tensor has a size that is not fixed']


def test_a_file_that_computes_in_something_else_is_refused():
  # The converter leaves kernels of less than 1,024 weights in float32 and says nothing.
  inputs = tf_keras.Input([8])
  images = tf_keras.layers.Reshape([8, 8, 1])(tf_keras.layers.Dense(64, 'tanh')(inputs))
  generator = tf_keras.Model([inputs], images)
  with pytest.raises(convert.ConversionError, match='it is f32 inside'):
    convert.convert('dynamic', generator, unlabelled(samples(5, 0)), info(0))


def test_generator_that_does_not_end_in_tanh_is_refused():
  inputs = tf_keras.Input([8])
  images = tf_keras.layers.Reshape([8, 8, 1])(tf_keras.layers.Dense(64)(inputs))
  generator = tf_keras.Model([inputs], images)
  with pytest.raises(convert.ConversionError, match='end the generator in tanh'):
    convert.convert('int8', generator, unlabelled(samples(20, 0)), info(0))


def test_operation_without_int8_kernel_is_one_clear_line():
  inputs = tf_keras.Input([8])
  x = tf_keras.layers.Dense(64)(inputs)
  x = tf_keras.layers.Lambda(lambda y: tf.math.sin(y))(x)
  images = tf_keras.layers.Activation('tanh')(tf_keras.layers.Reshape([8, 8, 1])(x))
  generator = tf_keras.Model([inputs], images)
  with pytest.raises(convert.ConversionError, match=r'generator\.tflite') as caught:
    convert.convert('int8', generator, unlabelled(samples(20, 0)), info(0))
  assert '\n' not in str(caught.value)


def test_the_converter_leaves_the_terminal_alone(capfd: pytest.CaptureFixture[str]):
  convert.convert('int8', tiny_models.generator(0), unlabelled(samples(5, 0)), info(0))
  assert capfd.readouterr() == ('', '')
