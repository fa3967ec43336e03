import pathlib
import re
import shutil
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from serving import warmup
from serving.server import saved_model as saved_models
from serving.server import warm_up
from serving.server.errors import Code, ServingError

LATENT = {'latent': np.zeros([2, 8], np.float32), 'label': np.array([0, 1])}


@pytest.fixture(scope='module')
def loaded(saved_model: pathlib.Path):
  loaded = saved_models.load('m', 5, saved_model)
  yield loaded
  loaded.close()


def test_runs_by_name(loaded: saved_models.SavedModel):
  signature = loaded.signature('from_latent')
  outputs = loaded.run(signature, LATENT, ['images'])
  assert outputs['images'].shape == (2, 8, 8, 1)
  assert loaded.signature('') is loaded.signature('serving_default')


def test_prepared_calls_are_bounded(
  loaded: saved_models.SavedModel, monkeypatch: pytest.MonkeyPatch
):
  monkeypatch.setattr(saved_models, '_MAX_CALLABLES', 1)
  for name, inputs in (
    ('from_latent', LATENT),
    ('score', {'images': np.zeros([1, 8, 8, 1], np.float32), 'label': np.array([0])}),
  ) * 2:
    signature = loaded.signature(name)
    loaded.run(signature, inputs, list(signature.outputs))
    assert len(loaded._callables) == 1


def test_nothing_is_computed_after_the_deadline(loaded: saved_models.SavedModel):
  signature = loaded.signature('from_latent')
  assert loaded.run(signature, LATENT, ['images'], time.monotonic() + 60)
  with pytest.raises(ServingError) as caught:
    loaded.run(signature, LATENT, ['images'], time.monotonic() - 1)
  assert caught.value.code is Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize('shape', [(), (3, 8, 8), (1, 8, 8, 2)])
def test_the_graph_itself_refuses_images_of_another_shape(
  loaded: saved_models.SavedModel, monkeypatch: pytest.MonkeyPatch, shape
):
  monkeypatch.setattr(saved_models, 'check_ranks', lambda *_: None)  # as in TF Serving
  inputs = {'images': np.zeros(shape, np.float32), 'label': np.array([0])}
  with pytest.raises(ServingError, match='not compatible with expected shape') as caught:
    loaded.run(loaded.signature('score'), inputs, ['score'])
  assert caught.value.code is Code.INVALID_ARGUMENT


def test_an_error_that_quotes_bytes_of_the_request(example_model: pathlib.Path):
  model = saved_models.load('m', 1, example_model / '1')
  with pytest.raises(ServingError, match='correctly convert string') as caught:
    model.run(model.signature('elsewhere'), {'inputs': np.array([b'\xff'], object)}, ['outputs'])
  assert caught.value.code is Code.INVALID_ARGUMENT
  model.close()


def test_close_waits_for_users(saved_model: pathlib.Path):
  loaded = saved_models.load('m', 1, saved_model)
  with loaded.in_use():
    closing = threading.Thread(target=loaded.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    loaded.run(loaded.signature('from_latent'), LATENT, ['images'])
  closing.join(60)
  assert not closing.is_alive()


def test_close_can_lose_patience(saved_model: pathlib.Path):
  loaded = saved_models.load('m', 1, saved_model)
  with loaded.in_use():
    loaded.close(0.01)


@pytest.mark.parametrize('damage', ['empty', 'no variables', 'bad graph', 'cut graph'])
def test_damaged_folders(saved_model: pathlib.Path, tmp_path: pathlib.Path, damage: str):
  path = tmp_path / '1'
  if damage == 'empty':
    path.mkdir()
  else:
    shutil.copytree(saved_model, path)
    graph = path / 'saved_model.pb'
    if damage == 'no variables':
      shutil.rmtree(path / 'variables')
    else:
      graph.write_bytes(b'\xff' * 9 if damage == 'bad graph' else graph.read_bytes()[:-99])
  with pytest.raises(ServingError) as caught:
    saved_models.load('m', 1, path)
  assert str(path) in caught.value.message
  assert (caught.value.code is Code.NOT_FOUND) == (damage == 'empty')


def test_warm_up_answers_every_record(loaded: saved_models.SavedModel, saved_model: pathlib.Path):
  assert warm_up.warm_up(loaded, saved_model) == 6


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
  (tmp_path / 'assets.extra').mkdir()
  return tmp_path


def write(folder: pathlib.Path, *records: bytes) -> None:
  with tf.io.TFRecordWriter(str(folder / warmup.WARMUP_FILE)) as writer:
    for record in records:
      writer.write(record)


def records(saved_model: pathlib.Path) -> list[bytes]:
  return [warmup._log(request).SerializeToString() for request in warmup.read_warmup(saved_model)]


def test_no_warm_up_file_is_fine(loaded: saved_models.SavedModel, folder: pathlib.Path):
  assert warm_up.warm_up(loaded, folder) is None
  write(folder)
  assert warm_up.warm_up(loaded, folder) == 0


def test_one_failing_record_fails(
  loaded: saved_models.SavedModel, saved_model, folder: pathlib.Path
):
  request = next(iter(warmup.read_warmup(saved_model)))
  request.inputs['label'].CopyFrom(tf.make_tensor_proto([99], tf.int64))
  write(folder, *records(saved_model), warmup._log(request).SerializeToString())
  with pytest.raises(ServingError, match='outside the 3 classes'):
    warm_up.warm_up(loaded, folder)


def test_too_many_records_fail(
  loaded: saved_models.SavedModel,
  saved_model,
  folder: pathlib.Path,
  monkeypatch: pytest.MonkeyPatch,
):
  monkeypatch.setattr(warm_up, 'MAX_RECORDS', 2)
  write(folder, *records(saved_model))
  with pytest.raises(ServingError, match=r'exceeds the maximum \(2\)'):
    warm_up.warm_up(loaded, folder)


@pytest.mark.parametrize(
  ('contents', 'code'), [(b'\xff\xff', Code.INVALID_ARGUMENT), (b'', Code.UNIMPLEMENTED)]
)
def test_records_that_are_no_request_fail(loaded, folder: pathlib.Path, contents: bytes, code):
  write(folder, contents)
  with pytest.raises(ServingError) as caught:
    warm_up.warm_up(loaded, folder)
  assert caught.value.code is code


@pytest.mark.parametrize('num_bytes', [5, 30, -1])
def test_cut_file_fails(loaded: saved_models.SavedModel, saved_model, folder, num_bytes: int):
  contents = (saved_model / warmup.WARMUP_FILE).read_bytes()
  (folder / warmup.WARMUP_FILE).write_bytes(contents[:num_bytes])
  with pytest.raises(warm_up.DamagedFileError, match='verify your warmup data') as caught:
    warm_up.warm_up(loaded, folder)
  assert caught.value.code is Code.DATA_LOSS
  assert re.fullmatch(r'DATA_LOSS: truncated record at \d+[^{[]*', caught.value.status)
