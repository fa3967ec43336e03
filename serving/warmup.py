"""Warm-up records: requests that TF Serving answers before it takes traffic to a new version.

Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup. A record that fails blocks the
load of its version, so `serving.replay` runs every record.
"""

import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

WARMUP_FILE = 'assets.extra/tf_serving_warmup_requests'
MAX_RECORDS = 1000  # that TF Serving reads
_BATCH_SIZES = (1, 8, 32)  # in turn: kernels prepare themselves for each shape they meet first


def write_warmup(saved_model_dir: pathlib.Path, num_records: int) -> None:
  """Writes `num_records` requests for each signature of a SavedModel.

  Args:
    saved_model_dir: exported by `serving.export`.
    num_records: requests per signature.

  Raises:
    ValueError: more records than the 1,000 that TF Serving reads.
  """
  signatures = tf.saved_model.load(str(saved_model_dir)).signatures
  if num_records * len(signatures) > MAX_RECORDS:
    raise ValueError(
      f'num_records={num_records} for {len(signatures)} signatures is more than the {MAX_RECORDS}'
      f' records that TF Serving reads. Choose {MAX_RECORDS // len(signatures)} or less.'
    )
  path = saved_model_dir / WARMUP_FILE
  path.parent.mkdir(exist_ok=True)
  rng = np.random.default_rng(0)
  with tf.io.TFRecordWriter(str(path)) as writer:
    for name, function in sorted(signatures.items()):
      specs = function.structured_input_signature[1]
      for i in range(num_records):
        batch_size = _BATCH_SIZES[i % len(_BATCH_SIZES)]
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = name
        for key, spec in specs.items():
          request.inputs[key].CopyFrom(tf.make_tensor_proto(_values(key, spec, batch_size, rng)))
        writer.write(_log(request).SerializeToString())


def read_warmup(saved_model_dir: pathlib.Path) -> Iterator[predict_pb2.PredictRequest]:
  """The requests in the order in which a server sends them."""
  path = str(saved_model_dir / WARMUP_FILE)
  for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
    yield prediction_log_pb2.PredictionLog.FromString(record).predict_log.request


def _log(request: predict_pb2.PredictRequest) -> prediction_log_pb2.PredictionLog:
  return prediction_log_pb2.PredictionLog(
    predict_log=prediction_log_pb2.PredictLog(request=request)
  )


def _values(key: str, spec: tf.TensorSpec, batch_size: int, rng: np.random.Generator) -> np.ndarray:
  """Plausible input: label 0, seeds in order, latents and images at random."""
  shape = [batch_size, *spec.shape[1:]]
  if key == 'label':
    return np.zeros(shape, np.int64)
  if key == 'seed':
    return np.arange(batch_size, dtype=np.int64)
  draw = rng.standard_normal if key == 'latent' else rng.random
  return draw(shape).astype(np.float32)
