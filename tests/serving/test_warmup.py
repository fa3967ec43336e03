import collections
import pathlib

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from pipeline.latents import latents_from_seeds
from serving import export, replay, warmup
from tests.serving import tiny_models


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('model')
  export.export_saved_model(
    path,
    generator=tiny_models.generator(),
    discriminator=tiny_models.discriminator(),
    latents_from_seeds=latents_from_seeds,
    num_classes=3,
  )
  warmup.write_warmup(path, 2)
  return path


def test_file_is_where_and_what_a_server_reads(model: pathlib.Path):
  path = model / 'assets.extra' / 'tf_serving_warmup_requests'
  logs = [
    prediction_log_pb2.PredictionLog.FromString(record)
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
  ]
  names = [log.predict_log.request.model_spec.signature_name for log in logs]
  assert collections.Counter(names) == {'serving_default': 2, 'from_latent': 2, 'score': 2}


def test_every_record_can_be_answered(model: pathlib.Path):
  assert replay._answer_warmup(tf.saved_model.load(str(model)), model) == 6


def test_inputs_share_one_batch_size(model: pathlib.Path):
  for request in warmup.read_warmup(model):
    sizes = {tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()}
    assert len(request.inputs) == 2
    assert len(sizes) == 1


def test_a_record_that_fails_is_not_passed_over(model: pathlib.Path):
  loaded = tf.saved_model.load(str(model))
  path = model / warmup.WARMUP_FILE
  contents = path.read_bytes()
  request = next(iter(warmup.read_warmup(model)))
  request.inputs['label'].CopyFrom(tf.make_tensor_proto([99], tf.int64))
  try:
    with tf.io.TFRecordWriter(str(path)) as writer:
      writer.write(warmup._log(request).SerializeToString())
    with pytest.raises(tf.errors.InvalidArgumentError):
      replay._answer_warmup(loaded, model)
  finally:
    path.write_bytes(contents)


def test_more_records_than_a_server_reads_are_refused(model: pathlib.Path):
  with pytest.raises(ValueError, match='Choose 333 or less'):
    warmup.write_warmup(model, 334)
