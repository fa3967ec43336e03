import concurrent.futures
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from mobile import flatbuffer
from serving.server import loading, saved_model, tflite_model
from serving.server.errors import Code, ServingError
from serving.server.metrics import Metrics
from serving.server.options import Options


@pytest.fixture(scope='module')
def folder(odd_model: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A version's folder with a model of one signature."""
  path = tmp_path_factory.mktemp('tflite')
  converter = tf.lite.TFLiteConverter.from_saved_model(
    str(odd_model), signature_keys=['serving_default']
  )
  (path / tflite_model.FILE).write_bytes(converter.convert())
  return path


@pytest.fixture(scope='module')
def model(folder: pathlib.Path):
  model = tflite_model.load('m', 3, folder)
  yield model
  model.close()


@pytest.fixture(scope='module')
def unsigned(folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """The same model without a signature, as older converters wrote it."""
  contents = flatbuffer.parse((folder / tflite_model.FILE).read_bytes())
  tensors = flatbuffer.signature_tensors(contents)
  for name, tensor_name in {'number': b'x:0', 'double': b'y:0', 'sum': b'z'}.items():
    tensors[name].name = tensor_name
  contents.signatureDefs = None
  path = tmp_path_factory.mktemp('unsigned')
  (path / tflite_model.FILE).write_bytes(flatbuffer.pack(contents))
  return path


def test_file_without_a_signature_is_served_by_its_tensors(
  unsigned: pathlib.Path, caplog: pytest.LogCaptureFixture
):
  model = tflite_model.load('m', 1, unsigned)
  assert f'{unsigned / tflite_model.FILE} has no signature' in caplog.text
  signature = model.signature('serving_default')
  assert (set(signature.inputs), set(signature.outputs)) == ({'x'}, {'y', 'z'})
  assert signature.inputs['x'].name == 'x:0'
  assert signature.method_name == 'tensorflow/serving/predict'
  for size in (1, 5, 2):
    x = np.arange(size, dtype=np.float32)[:, None]
    outputs = model.run(signature, {'x': x}, ['y', 'z'])
    np.testing.assert_array_equal(outputs['y'], 2 * x)
    np.testing.assert_array_equal(outputs['z'], x.sum())
  with pytest.raises(ServingError, match='INVALID_ARGUMENT'):
    model.run(signature, {'x': np.ones([2, 1], np.int64)}, ['y'])
  model.close()


def test_answers_for_any_batch_size(model: tflite_model.TfliteModel):
  signature = model.signature('')
  for size in (1, 5, 2):
    number = np.arange(size, dtype=np.float32)[:, None]
    outputs = model.run(signature, {'number': number}, ['double'])
    assert list(outputs) == ['double']
    np.testing.assert_array_equal(outputs['double'], 2 * number)


def test_signatures_tell_types_and_shapes(model: tflite_model.TfliteModel):
  signature = model.signature('serving_default')
  assert set(signature.outputs) == {'double', 'sum'}
  assert signature.inputs['number'].dtype == tf.float32.as_datatype_enum
  assert [dim.size for dim in signature.inputs['number'].tensor_shape.dim] == [-1, 1]
  assert signature.method_name == 'tensorflow/serving/predict'


@pytest.mark.parametrize('number', [np.ones([2, 1], np.int64), np.ones([2, 1, 1, 1], 'U')])
def test_wrong_types_are_the_clients_mistake(model: tflite_model.TfliteModel, number: np.ndarray):
  with pytest.raises(ServingError) as caught:
    model.run(model.signature(''), {'number': number}, ['double'])
  assert caught.value.code is Code.INVALID_ARGUMENT
  test_answers_for_any_batch_size(model)


@pytest.mark.parametrize('rank', [7, 12])
def test_more_dimensions_than_the_kernels_know(model: tflite_model.TfliteModel, rank: int):
  number = np.ones([1] * rank, np.float32)  # ends the process sooner or later if it is let in
  with pytest.raises(ServingError, match='at most 6 dimensions') as caught:
    model.run(model.signature(''), {'number': number}, ['double'])
  assert caught.value.code is Code.INVALID_ARGUMENT


def test_dimensions_beyond_32_bits(model: tflite_model.TfliteModel):
  with pytest.raises(ServingError) as caught:
    model.run(model.signature(''), {'number': np.ones([2**31, 0], np.float32)}, ['double'])
  assert caught.value.code is Code.INVALID_ARGUMENT


def test_nothing_is_computed_after_the_deadline(model: tflite_model.TfliteModel):
  with pytest.raises(ServingError, match='DEADLINE_EXCEEDED'):
    model.run(model.signature(''), {'number': np.ones([1, 1], np.float32)}, ['double'], 0.0)


def test_signatures_of_others_are_not_computed(model: tflite_model.TfliteModel):
  with pytest.raises(ServingError, match='UNIMPLEMENTED'):
    model.run(meta_graph_pb2.SignatureDef(), {}, [])


def test_many_threads(model: tflite_model.TfliteModel):
  def ask(i: int) -> float:
    number = np.full([i % 3 + 1, 1], i, np.float32)
    return model.run(model.signature(''), {'number': number}, ['double'])['double'][-1, 0]

  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    assert list(pool.map(ask, range(100))) == [2 * i for i in range(100)]


@pytest.mark.parametrize('contents', [b'', b'nonsense' * 9])
def test_damaged_file(tmp_path: pathlib.Path, contents: bytes):
  (tmp_path / tflite_model.FILE).write_bytes(contents)
  with pytest.raises(ServingError, match='could not be loaded') as caught:
    tflite_model.load('m', 1, tmp_path)
  assert caught.value.code is Code.INTERNAL


@pytest.mark.parametrize(
  ('prefer', 'kind'), [(True, tflite_model.TfliteModel), (False, saved_model.SavedModel)]
)
def test_is_taken_only_if_preferred(
  folder: pathlib.Path, odd_model: pathlib.Path, prefer: bool, kind: type
):
  loader = loading.Loader(Options(prefer_tflite_model=prefer), Metrics())
  if not prefer:
    with pytest.raises(ServingError, match='Could not find SavedModel'):
      loader.load('m', 1, folder)
    folder = odd_model
  loaded = loader.load('m', 1, folder)
  assert type(loaded) is kind
  loaded.close()


def test_saved_model_where_there_is_no_tflite(odd_model: pathlib.Path):
  loaded = loading.Loader(Options(prefer_tflite_model=True), Metrics()).load('m', 1, odd_model)
  assert type(loaded) is saved_model.SavedModel
  loaded.close()
