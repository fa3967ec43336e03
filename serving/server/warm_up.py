"""Requests that a new version answers before it takes traffic.

Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup. The file belongs to the model.
"""

import pathlib
import re

import tensorflow as tf
from google.protobuf import message
from tensorflow_serving.apis import prediction_log_pb2

from serving.server.classify import classify
from serving.server.errors import Code, ServingError, from_number, invalid
from serving.server.multi_inference import multi_inference
from serving.server.predict import predict
from serving.server.regress import regress
from serving.server.servable import Call, Servable
from serving.warmup import MAX_RECORDS, WARMUP_FILE

_NODES = re.compile(r'\{\{.*?\}\} | \[Op:.*')  # what TensorFlow puts around a reader's own words
_HINT = 'Please verify your warmup data is in TFRecord format.'


class DamagedFileError(ServingError):
  """The records can't be read; `status` is what TensorFlow says, without our hint."""

  def __init__(self, code: Code, reason: str) -> None:
    super().__init__(code, f'{reason}. {_HINT}')
    self.status = f'{code.name}: {reason}'


def warm_up(
  servable: Servable, saved_model_dir: pathlib.Path, num_iterations: int = 1
) -> int | None:
  """Answers every record `num_iterations` times; returns how many there are, None without a file.

  Raises:
    DamagedFileError: the file is no TFRecord file, or cut.
    ServingError: a record failed, or there are too many.
  """
  path = saved_model_dir / WARMUP_FILE
  if not path.exists():
    return None
  num_records = 0
  try:
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
      num_records += 1
      if num_records > MAX_RECORDS:
        raise invalid(f'Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}')
      log = prediction_log_pb2.PredictionLog.FromString(record)
      for _ in range(num_iterations):
        _answer(servable, log)
    if not num_records and path.stat().st_size:  # the reader passes over a cut first header
      raise DamagedFileError(Code.DATA_LOSS, 'truncated record at 0')
  except tf.errors.OpError as error:
    reason = _NODES.sub('', error.message)
    raise DamagedFileError(from_number(error.error_code, reason).code, reason) from error
  except message.DecodeError as error:
    raise invalid(f'Failed to parse warmup record: {num_records - 1} from {path}') from error
  return num_records


def _answer(servable: Servable, log: prediction_log_pb2.PredictionLog) -> None:
  """Answers a record, whatever version it names."""
  kind, call = log.WhichOneof('log_type'), Call(servable)
  if kind == 'predict_log':
    predict(call, log.predict_log.request)
  elif kind == 'classify_log':
    classify(call, log.classify_log.request, check_method=False)
  elif kind == 'regress_log':
    regress(call, log.regress_log.request, check_method=False)
  elif kind == 'multi_inference_log':
    multi_inference(call, log.multi_inference_log.request, check_method=False)
  else:
    raise ServingError(Code.UNIMPLEMENTED, f'Unsupported log_type for warmup: {kind}')
