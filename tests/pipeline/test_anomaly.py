"""An encoder for a generator of normal images, and what it is worth."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import serving.export
import serving.replay
import serving.warmup
from pipeline import (
  anomaly,
  anomaly_record,
  comparison,
  encoding,
  errors,
  golden,
  replays,
  validate,
)
from pipeline.config.export import ExportSavedModelConfig
from pipeline.config.golden import GoldenConfig
from pipeline.config.ingest import IngestConfig
from pipeline.generator import Generator
from pipeline.ingest import stage
from pipeline.latents import latents_from_seeds
from pipeline.networks import ModelSpec, build
from pipeline.networks.encoder import encoder
from serving.anomaly import Detector, features_of
from serving.replay import ANOMALY_SAMPLES
from tests.pipeline.ingest.files import quiet_console, write_pair

SPEC = ModelSpec(
  network='digits', latent_size=4, num_classes=0, class_names=(), image_shape=(8, 8, 1)
)


@pytest.fixture(scope='module')
def pair():
  """Its untrained images would all be grey; larger weights make them differ."""
  tf_keras.utils.set_random_seed(0)
  pair = build(SPEC)
  pair.generator.set_weights([3 * weights for weights in pair.generator.get_weights()])
  return pair


@pytest.fixture(scope='module')
def drawn(pair):
  """Images that the generator can redraw exactly: uint8 [256, 8, 8, 1]."""
  images = Generator(SPEC, pair.generator).images(latents(256), None)
  return np.round(images * 255).astype(np.uint8)


def latents(number):
  return np.random.default_rng(0).standard_normal([number, 4]).astype(np.float32)


def ingested(tmp_path, images, labels, with_test):
  folder = tmp_path / 'source'
  folder.mkdir()
  write_pair(folder, images[..., 0], labels)
  if with_test:
    write_pair(folder, images[::2, ..., 0], labels[::2], stem='t10k')
  output = tmp_path / 'ingest'
  output.mkdir()
  config = IngestConfig(dataset='idx', data_dir=str(folder), normal_classes='0', image_size=8)
  stage.ingest(config, {}, output, quiet_console()[0])
  return output


@pytest.mark.parametrize('shape', [(8, 8, 1), (28, 28, 1), (64, 48, 3)])
def test_an_encoder_gives_a_latent_for_each_image(shape):
  spec = ModelSpec(
    network='digits', latent_size=5, num_classes=0, class_names=(), image_shape=shape
  )
  assert encoder(spec)(tf.zeros([3, *shape])).shape == (3, 5)


def test_fitting_brings_reconstructions_nearer_and_leaves_the_pair_alone(pair, drawn):
  before = [*pair.generator.get_weights(), *pair.discriminator.get_weights()]
  errors_by_steps = []
  for num_steps in (1, 150):
    fitted = encoding.fit_encoder(
      Generator(SPEC, pair.generator), pair.discriminator, drawn, num_steps, 0, quiet_console()[0]
    )
    detector = Detector(pair.generator, fitted, features_of(pair.discriminator))
    judged = anomaly.Judged.by(detector, drawn)
    errors_by_steps.append(np.square(judged.reconstructions - drawn / 255).mean())
  assert errors_by_steps[1] < 0.3 * errors_by_steps[0]
  after = [*pair.generator.get_weights(), *pair.discriminator.get_weights()]
  for old, new in zip(before, after, strict=True):
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
  ('normal', 'anomalous', 'area'),
  [
    ([1, 2, 3], [4, 5], 1.0),
    ([4, 5], [1, 2, 3], 0.0),
    ([1, 1], [1, 1], 0.5),
    ([1, 3], [2, 2, 4], 4 / 6),
  ],
)
def test_auroc_by_counting_pairs(normal, anomalous, area):
  pairs = [(a > n) + 0.5 * (a == n) for a in anomalous for n in normal]
  assert np.mean(pairs) == pytest.approx(area)
  assert anomaly_record.auroc(np.array(normal), np.array(anomalous)) == pytest.approx(area)


@pytest.mark.parametrize('with_test', [False, True])
def test_what_is_on_record(tmp_path, pair, drawn, with_test):
  noise = np.random.default_rng(1).integers(0, 256, drawn.shape, np.uint8)
  images = np.concatenate([drawn, noise])
  labels = np.repeat([0, 1], [len(drawn), len(noise)])
  ingest = ingested(tmp_path, images, labels, with_test)
  config = ExportSavedModelConfig(anomaly_steps=100)
  console, _ = quiet_console()
  detector = anomaly.fit(
    config, Generator(SPEC, pair.generator), pair.discriminator, ingest, console
  )
  (tmp_path / 'assets.extra').mkdir()
  facts = anomaly.record(detector, ingest, tmp_path)
  assert facts == json.loads((tmp_path / anomaly_record.JSON_FILE).read_text())
  assert facts['num_normal'] == (128 if with_test else 25)
  assert facts['num_anomalous'] == (256 + 128 if with_test else 256)
  assert facts['auroc'] > 0.9
  assert facts['normal_above'] <= 0.05
  assert facts['anomalous_above'] > 0.5
  samples = anomaly_record.Samples.load(tmp_path)
  assert samples.is_anomalous.tolist() == 8 * [False] + 8 * [True]
  assert samples.pixels.shape == samples.reconstructions.shape == (16, 8, 8, 1)
  again = anomaly.Judged.by(detector, samples.pixels)
  np.testing.assert_allclose(samples.scores, again.scores, rtol=1e-4)


@pytest.mark.parametrize('with_test', [False, True])
def test_what_is_measured_was_not_fitted(tmp_path, with_test):
  images = np.random.default_rng(0).integers(0, 256, [60, 8, 8, 1], np.uint8)
  ingest = ingested(tmp_path, images, np.arange(60) % 3, with_test)
  fitted, measured = (
    [image.tobytes() for image in part]
    for part in (anomaly._fitted(ingest), anomaly._measured(ingest))
  )
  normal = [image.tobytes() for image in images[::3]]
  if with_test:
    assert sorted(fitted) == sorted(normal)
    assert sorted(measured) == sorted(image.tobytes() for image in images[::6])
  else:
    assert len(measured) == 2
    assert sorted(fitted + measured) == sorted(normal)


def test_good_images_alone_have_a_threshold_and_no_area(tmp_path, pair, drawn):
  folder = tmp_path / 'source'
  folder.mkdir()
  write_pair(folder, drawn[..., 0], np.zeros(len(drawn), np.int64))
  output = tmp_path / 'ingest'
  output.mkdir()
  config = IngestConfig(dataset='idx', data_dir=str(folder), image_size=8)
  stage.ingest(config, {}, output, quiet_console()[0])
  detector = Detector(pair.generator, encoder(SPEC), features_of(pair.discriminator))
  (tmp_path / 'assets.extra').mkdir()
  facts = anomaly.record(detector, output, tmp_path)
  assert (facts['auroc'], facts['anomalous_above'], facts['num_anomalous']) == (None, None, 0)
  assert facts['threshold'] > 0
  assert anomaly_record.Samples.load(tmp_path).is_anomalous.tolist() == 8 * [False]


def test_a_generator_that_asks_for_labels_is_refused(tmp_path):
  spec = ModelSpec(
    network='digits', latent_size=4, num_classes=2, class_names=('a', 'b'), image_shape=(8, 8, 1)
  )
  pair = build(spec)
  with pytest.raises(errors.ConfigError, match='needs a generator without labels'):
    anomaly.fit(
      ExportSavedModelConfig(anomaly_steps=1),
      Generator(spec, pair.generator),
      pair.discriminator,
      tmp_path,
      quiet_console()[0],
    )


def test_a_model_without_the_signature_has_no_samples(tmp_path):
  assert anomaly_record.Samples.load(tmp_path) is None
  assert not (tmp_path / ANOMALY_SAMPLES).exists()


@pytest.fixture(scope='module')
def exported(pair, drawn, tmp_path_factory):
  """A SavedModel with its record, of a detector of what the pair draws."""
  root = tmp_path_factory.mktemp('exported')
  noise = np.random.default_rng(1).integers(0, 256, drawn.shape, np.uint8)
  images = np.concatenate([drawn, noise])
  ingest = ingested(root, images, np.repeat([0, 1], [len(drawn), len(noise)]), False)
  config, generator = ExportSavedModelConfig(anomaly_steps=50), Generator(SPEC, pair.generator)
  detector = anomaly.fit(config, generator, pair.discriminator, ingest, quiet_console()[0])
  serving.export.export_saved_model(
    root / 'model',
    generator=pair.generator,
    discriminator=pair.discriminator,
    latents_from_seeds=latents_from_seeds,
    num_classes=0,
    encoder=detector.encoder,
  )
  serving.warmup.write_warmup(root / 'model', 1)
  anomaly.record(detector, ingest, root / 'model')
  return root / 'model'


@pytest.fixture
def validator(pair, tmp_path):
  config = GoldenConfig(num_golden_samples=4)
  folder = tmp_path / 'golden'
  folder.mkdir()
  limits = golden.tolerances(config)
  golden.make_golden(config, limits, Generator(SPEC, pair.generator), 1, folder)
  return validate.Validator(
    golden.Golden.load(folder), folder / 'golden.npz', None, None, tmp_path, '', 0.5
  )


def failed(model):
  return {check['check'] for check in model['checks'] if not check['passed']}


def in_this_process(monkeypatch):
  """Which has TensorFlow up already; the slow test uses a server of its own."""
  monkeypatch.setattr(replays, 'saved_model', serving.replay.replay)


def test_an_export_must_judge_as_its_record_says(exported, validator, tmp_path, monkeypatch):
  in_this_process(monkeypatch)
  model = validator.model(validator.saved_model, exported)
  assert failed(model) == set()
  new = {'max_score_difference', 'max_redrawn_difference', 'min_anomaly_auroc'}
  assert new <= {check['check'] for check in model['checks']}
  wrong = tmp_path / 'wrong'
  shutil.copytree(exported, wrong)
  with np.load(exported / ANOMALY_SAMPLES) as arrays:
    changed = dict(arrays)
  changed['scores'][3] *= 1.01
  changed['reconstructions'][5] += 0.01
  np.savez(wrong / ANOMALY_SAMPLES, **changed)
  found = validator.model(validator.saved_model, wrong)
  assert failed(found) == {'max_score_difference', 'max_redrawn_difference'}
  said = comparison.failures({'models': [found]})
  assert 'largest difference of an anomaly score' in said[0]


def test_the_gate_of_the_area(exported, validator, tmp_path, monkeypatch):
  in_this_process(monkeypatch)
  shutil.copytree(exported, tmp_path / 'blind')
  facts = json.loads((exported / anomaly_record.JSON_FILE).read_text())
  for area, limit, fails in (
    (0.49, 0.5, True),
    (0.5, 0.5, False),
    (None, 0.5, True),
    (None, 0, False),
  ):
    (tmp_path / 'blind' / anomaly_record.JSON_FILE).write_text(json.dumps(facts | {'auroc': area}))
    gated = dataclasses.replace(validator, min_anomaly_auroc=limit)
    model = gated.model(gated.saved_model, tmp_path / 'blind')
    assert failed(model) == ({'min_anomaly_auroc'} if fails else set())


@pytest.mark.slow
def test_a_server_must_judge_so_too_by_both_protocols(exported, validator, tmp_path):
  model = validator.model(validator.served, exported)
  assert failed(model) == set()
  assert 'max_score_difference' in {check['check'] for check in model['checks']}
  wrong = tmp_path / 'wrong'
  shutil.copytree(exported, wrong)
  with np.load(exported / ANOMALY_SAMPLES) as arrays:
    np.savez(wrong / ANOMALY_SAMPLES, **dict(arrays) | {'scores': 2 * arrays['scores']})
  assert failed(validator.model(validator.served, wrong)) == {'max_score_difference'}
