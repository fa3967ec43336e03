import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

from pipeline.latents import latents_from_seeds
from serving import export
from tests.serving import tiny_models

SIGNATURES = {
  'serving_default': ({'seed': (tf.int64, [None])}, {'image_bytes': (tf.string, [None])}),
  'from_latent': (
    {'latent': (tf.float32, [None, 8])},
    {'images': (tf.float32, [None, 8, 8, 1])},
  ),
  'score': ({'images': (tf.float32, [None, 8, 8, 1])}, {'score': (tf.float32, [None])}),
}


def save(path: pathlib.Path, num_classes: int, **arguments) -> None:
  export.export_saved_model(
    path,
    **{
      'generator': tiny_models.generator(num_classes),
      'discriminator': tiny_models.discriminator(num_classes),
      'latents_from_seeds': latents_from_seeds,
      'num_classes': num_classes,
    }
    | arguments,
  )


class Exported:
  """A SavedModel and its path."""

  def __init__(self, path: pathlib.Path, num_classes: int) -> None:
    save(path, num_classes)
    self.path = path
    self.signatures = tf.saved_model.load(str(path)).signatures

  def __call__(self, signature: str, **inputs) -> np.ndarray:
    (output,) = self.signatures[signature](
      **{k: tf.constant(v) for k, v in inputs.items()}
    ).values()
    return output.numpy()


@pytest.fixture(scope='module')
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Exported:
  return Exported(tmp_path_factory.mktemp('conditional'), 3)


@pytest.fixture(scope='module')
def unconditional(tmp_path_factory: pytest.TempPathFactory) -> Exported:
  return Exported(tmp_path_factory.mktemp('unconditional'), 0)


@pytest.mark.parametrize('kind', ['conditional', 'unconditional'])
def test_signatures_are_the_contract(kind: str, request: pytest.FixtureRequest):
  model = request.getfixturevalue(kind)
  assert set(model.signatures) == set(SIGNATURES)
  label = {'label': (tf.int64, [None])} if kind == 'conditional' else {}
  for name, (inputs, outputs) in SIGNATURES.items():
    function = model.signatures[name]
    got_inputs = function.structured_input_signature[1]
    assert {k: (s.dtype, s.shape.as_list()) for k, s in got_inputs.items()} == inputs | label
    got_outputs = function.structured_outputs
    assert {k: (s.dtype, s.shape.as_list()) for k, s in got_outputs.items()} == outputs


def test_computes_what_the_networks_compute(conditional: Exported):
  latents = np.random.default_rng(0).standard_normal([5, 8]).astype(np.float32)
  labels = np.array([0, 1, 2, 1, 0])
  expected = tiny_models.generator()([latents, labels], training=False).numpy() / 2 + 0.5
  images = conditional('from_latent', latent=latents, label=labels)
  np.testing.assert_allclose(images, expected, atol=1e-6)
  logits = tiny_models.discriminator()([2 * expected - 1, labels], training=False)
  score = conditional('score', images=expected, label=labels)
  np.testing.assert_allclose(score, logits, atol=1e-5)


def test_a_seed_is_a_png_of_its_latents(unconditional: Exported):
  seeds = np.array([3, -1, 2**50])
  pngs = unconditional('serving_default', seed=seeds)
  assert all(png.startswith(b'\x89PNG') for png in pngs)
  pixels = np.stack([tf.io.decode_png(png).numpy() for png in pngs])
  latents = latents_from_seeds(tf.constant(seeds), 8).numpy()
  images = unconditional('from_latent', latent=latents)
  np.testing.assert_array_equal(pixels, np.round(images * 255))


def test_colour_pictures_stay_coloured(tmp_path: pathlib.Path):
  generator = tiny_models.generator(0, channels=3)
  discriminator = tiny_models.discriminator(0, channels=3)
  save(tmp_path, 0, generator=generator, discriminator=discriminator)
  signature = tf.saved_model.load(str(tmp_path)).signatures['serving_default']
  (png,) = signature(seed=tf.constant([1], tf.int64))['image_bytes']
  assert tf.io.decode_png(png).shape == (8, 8, 3)


@pytest.fixture(scope='module')
def detecting(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('detecting')
  save(path, 0, encoder=tiny_models.encoder())
  return path


def test_anomaly_is_the_error_of_pixels_and_of_features(detecting: pathlib.Path):
  anomaly = tf.saved_model.load(str(detecting)).signatures['anomaly']
  inputs = anomaly.structured_input_signature[1]
  assert {k: (s.dtype, s.shape.as_list()) for k, s in inputs.items()} == {
    'images': (tf.float32, [None, 8, 8, 1])
  }
  outputs = anomaly.structured_outputs
  assert {k: (s.dtype, s.shape.as_list()) for k, s in outputs.items()} == {
    'anomaly_score': (tf.float32, [None]),
    'reconstruction': (tf.float32, [None, 8, 8, 1]),
  }
  images = np.random.default_rng(0).random([3, 8, 8, 1]).astype(np.float32)
  answer = anomaly(images=tf.constant(images))
  latents = tiny_models.encoder()(2 * images - 1)
  redrawn = tiny_models.generator(0)(latents, training=False).numpy()
  body = tiny_models.discriminator(0).get_layer('body')
  features, redrawn_features = body(2 * images - 1).numpy(), body(redrawn).numpy()
  score = ((2 * images - 1 - redrawn) ** 2).mean(axis=(1, 2, 3))
  score += ((features - redrawn_features) ** 2).mean(axis=1)
  np.testing.assert_allclose(answer['anomaly_score'], score, rtol=1e-5)
  np.testing.assert_allclose(answer['reconstruction'], (redrawn + 1) / 2, atol=1e-6)


def test_anomaly_comes_beside_the_other_signatures(detecting: pathlib.Path):
  signatures = tf.saved_model.load(str(detecting)).signatures
  assert set(signatures) == {*SIGNATURES, 'anomaly'}


def test_an_encoder_finds_no_labels(tmp_path: pathlib.Path):
  with pytest.raises(ValueError, match='an encoder finds no labels'):
    save(tmp_path, 3, encoder=tiny_models.encoder())


def test_empty_batch_gives_an_empty_answer(conditional: Exported):
  none = np.zeros([0], np.int64)
  assert conditional('serving_default', seed=none, label=none).shape == (0,)


@pytest.mark.parametrize('label', [-1, 3])
@pytest.mark.parametrize('signature', ['serving_default', 'from_latent', 'score'])
def test_label_outside_the_classes_is_refused(conditional: Exported, signature: str, label: int):
  inputs = {
    'serving_default': {'seed': np.array([1, 2])},
    'from_latent': {'latent': np.zeros([2, 8], np.float32)},
    'score': {'images': np.zeros([2, 8, 8, 1], np.float32)},
  }[signature]
  with pytest.raises(tf.errors.InvalidArgumentError, match='outside the 3 classes'):
    conditional(signature, **inputs, label=np.array([0, label]))


def test_no_scalars_no_xla_no_half_precision(conditional: Exported):
  saved = saved_model_pb2.SavedModel.FromString((conditional.path / 'saved_model.pb').read_bytes())
  graph = saved.meta_graphs[0]
  for definition in graph.signature_def.values():
    for tensor in [*definition.inputs.values(), *definition.outputs.values()]:
      if tensor.name and tensor.name != '__saved_model_init_op':
        assert tensor.dtype not in (tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum)
  for name in SIGNATURES:
    for tensor in graph.signature_def[name].inputs.values():
      assert tensor.tensor_shape.dim[0].size == -1
  text = text_format.MessageToString(graph.graph_def.library)
  assert '_XlaMustCompile"\n      value {\n        b: true' not in text
  assert 'DT_HALF' not in text
  assert 'DT_BFLOAT16' not in text


def test_golden_samples_travel_along(tmp_path: pathlib.Path):
  golden = tmp_path / 'golden'
  golden.mkdir()
  for name in ('golden.npz', 'golden.json'):
    (golden / name).write_text(name)
  save(tmp_path / 'model', 0, golden=golden)
  for name in ('golden.npz', 'golden.json'):
    assert (tmp_path / 'model' / 'assets.extra' / name).read_text() == name


def test_half_precision_network_is_refused(tmp_path: pathlib.Path):
  before = tf_keras.mixed_precision.global_policy()
  tf_keras.mixed_precision.set_global_policy('mixed_bfloat16')
  try:
    generator = tiny_models.generator(0)
  finally:
    tf_keras.mixed_precision.set_global_policy(before)
  with pytest.raises(ValueError, match='float32'):
    save(tmp_path, 0, generator=generator)


def test_classes_must_fit_the_networks(tmp_path: pathlib.Path):
  with pytest.raises(ValueError, match='1 inputs but 3 classes need 2'):
    save(tmp_path, 3, generator=tiny_models.generator(0))
