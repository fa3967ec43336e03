import collections
import pathlib

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving import replay, warmup


def test_file_is_where_and_what_a_server_reads(saved_model: pathlib.Path):
  path = saved_model / 'assets.extra' / 'tf_serving_warmup_requests'
  logs = [
    prediction_log_pb2.PredictionLog.FromString(record)
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
  ]
  names = [log.predict_log.request.model_spec.signature_name for log in logs]
  assert collections.Counter(names) == {'serving_default': 2, 'from_latent': 2, 'score': 2}


def test_every_record_can_be_answered(saved_model: pathlib.Path):
  assert replay._answer_warmup(tf.saved_model.load(str(saved_model)), saved_model) == 6


def test_inputs_share_one_batch_size(saved_model: pathlib.Path):
  for request in warmup.read_warmup(saved_model):
    sizes = {tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()}
    assert len(request.inputs) == 2
    assert len(sizes) == 1


def test_a_record_that_fails_is_not_passed_over(saved_model: pathlib.Path):
  loaded = tf.saved_model.load(str(saved_model))
  path = saved_model / warmup.WARMUP_FILE
  contents = path.read_bytes()
  request = next(iter(warmup.read_warmup(saved_model)))
  request.inputs['label'].CopyFrom(tf.make_tensor_proto([99], tf.int64))
  try:
    with tf.io.TFRecordWriter(str(path)) as writer:
      writer.write(warmup._log(request).SerializeToString())
    with pytest.raises(tf.errors.InvalidArgumentError):
      replay._answer_warmup(loaded, saved_model)
  finally:
    path.write_bytes(contents)


def test_more_records_than_a_server_reads_are_refused(saved_model: pathlib.Path):
  with pytest.raises(ValueError, match=r'the 1000 records .* Choose 333 or less'):
    warmup.write_warmup(saved_model, 334)
