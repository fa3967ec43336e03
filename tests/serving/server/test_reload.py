import pathlib
import shutil

import grpc
import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2

from serving import push
from serving.push import __main__ as push_command
from serving.push import labels
from serving.server import config_files, lifetime
from serving.server.errors import ServingError, invalid
from serving.server.options import Options, StartError
from tests.serving.server import live

NUMBER = {'number': np.ones([1, 1], np.float32)}


def reload_request(text: str) -> model_management_pb2.ReloadConfigRequest:
  request = model_management_pb2.ReloadConfigRequest()
  text_format.Parse(text, request.config)
  return request


def reload(server: live.Server, text: str):
  return server.model.HandleReloadConfigRequest(reload_request(text), 120)


@pytest.fixture
def base(odd_server: live.Server, odd_model: pathlib.Path, tmp_path: pathlib.Path):
  """Version 7 of the odd model in a folder of its own; the server's models are put back."""
  before = odd_server.config_file.read_text()
  shutil.copytree(odd_model, tmp_path / '7')
  yield tmp_path
  reload(odd_server, before)


def test_reload_answers_when_new_models_are_available(odd_server: live.Server, base):
  response = reload(odd_server, live.config(digits=base, more=base))
  assert response.status.error_code == 0
  assert odd_server.states('more') == {7: 'AVAILABLE'}
  assert odd_server.rest('/v1/models/more:predict', {'instances': [[1]]})[0] == 400
  reload(odd_server, live.config(digits=base))
  odd_server.wait_for_states('more', v7='END')
  assert odd_server.rest('/v1/models/more:predict', {'instances': [[1]]})[0] == 404


def test_reload_tells_what_metrics_grew_by(odd_server: live.Server, base):
  serving = '/tensorflow/serving'
  names = [f'{serving}/request_count', 'no such metric', f'{serving}/request_latency']
  request = model_management_pb2.ReloadConfigRequest(metric_names=[*names, *names])
  text_format.Parse(live.config(digits=base), request.config)
  response = odd_server.model.HandleReloadConfigRequest(request, 120)
  assert all(m.HasField('int64_value_increase') for m in response.metric)
  assert [(m.name, m.int64_value_increase) for m in response.metric] == [(n, 0) for n in names]
  request = model_management_pb2.ReloadConfigRequest(
    metric_names=['/tensorflow/cc/saved_model/load_attempt_count']
  )
  text_format.Parse(live.config(digits=base, counted=base), request.config)
  response = odd_server.model.HandleReloadConfigRequest(request, 120)
  assert [m.int64_value_increase for m in response.metric] == [1]


@pytest.mark.parametrize(
  ('text', 'code', 'message'),
  [
    ('', 'INVALID_ARGUMENT', 'Only ModelConfigList is currently supported'),
    ('custom_model_config {}', 'INVALID_ARGUMENT', 'Only ModelConfigList is currently supported'),
    (live.config(m=pathlib.Path('relative')), 'INVALID_ARGUMENT', 'absolute path or URI'),
  ],
)
def test_reload_errors(odd_server: live.Server, text: str, code: str, message: str):
  with pytest.raises(grpc.RpcError, match=message) as caught:
    reload(odd_server, text)
  assert caught.value.code().name == code


def test_reload_gives_up_with_its_client(odd_server: live.Server, base, tmp_path: pathlib.Path):
  request = reload_request(live.config(digits=base, nothing=tmp_path / 'missing'))
  waiting = odd_server.model.HandleReloadConfigRequest.future(request, 120)
  odd_server.wait_for('servable nothing')  # it is applied: no later one can be overtaken by it
  waiting.cancel()
  assert waiting.code() is grpc.StatusCode.CANCELLED
  assert reload(odd_server, live.config(digits=base)).status.error_code == 0


def test_labels_over_both_protocols(odd_server: live.Server, base):
  text = live.config(digits=base).replace(
    'name:', 'version_labels { key: "stable" value: 7 } name:'
  )
  reload(odd_server, text)
  request = live.predict_request('', **NUMBER)
  request.model_spec.version_label = 'stable'
  assert odd_server.prediction.Predict(request).model_spec.version.value == 7
  path = '/v1/models/digits/labels/stable'
  assert odd_server.rest(f'{path}:predict', {'inputs': [[1]]})[0] == 200
  assert odd_server.rest(f'{path}/metadata')[0] == 200
  assert odd_server.rest(path.replace('stable', 'canary') + '/metadata')[0] == 400


@pytest.mark.parametrize('text', [b'model_config_list {', b'no_such_field: 1', b'\xff'])
def test_configuration_that_can_not_be_read(tmp_path: pathlib.Path, text: bytes):
  path = tmp_path / 'models.config'
  path.write_bytes(text)
  options = Options(model_config_file=str(path))
  with pytest.raises(StartError, match=r'could not be read|Invalid protobuf') as caught:
    lifetime._config(options)
  assert caught.value.exit_code == 255
  assert '\n' not in str(caught.value)


def test_bad_configuration_under_a_live_server_is_logged_once(
  tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
):
  class Served:
    def apply(self, config) -> None:
      raise invalid('no')

  path = tmp_path / 'models.config'
  options, trouble = Options(model_config_file=str(path)), ''
  for contents in ('model_config_list {', 'model_config_list {', 'model_config_list {}'):
    path.write_text(contents)
    trouble = lifetime._reload(options, Served(), trouble)
  parse_error, refused = (record.message for record in caplog.records)
  assert 'Error parsing text-format tensorflow.serving.ModelServerConfig' in parse_error
  assert refused == f'{path} was not applied: INVALID_ARGUMENT: no'


def test_missing_file_is_named(tmp_path: pathlib.Path):
  with pytest.raises(ServingError, match=r'missing\.config could not be read: .*No such file'):
    config_files.read(str(tmp_path / 'missing.config'), model_management_pb2.ReloadConfigRequest)


@pytest.mark.slow
def test_file_is_followed(odd_model: pathlib.Path, tmp_path: pathlib.Path):
  shutil.copytree(odd_model, tmp_path / '1')
  path = tmp_path / 'models.config'
  path.write_text(live.config(digits=tmp_path))
  server = live.Server(
    None, f'--model_config_file={path}', '--model_config_file_poll_wait_seconds=1'
  )
  try:
    server.wait_for('Serving digits version 1')
    path.write_text('nonsense')
    server.wait_for('was not applied')
    assert server.predict('', **NUMBER).model_spec.version.value == 1
    path.write_text(live.config(other=tmp_path))
    server.wait_for_states(v1='END')
    server.wait_for_states('other', v1='AVAILABLE')
    assert server.rest('/v1/models/other')[0] == 200
  finally:
    assert server.stop() == 0


@pytest.mark.slow
def test_labels_of_the_push_command_are_followed(saved_model: pathlib.Path, tmp_path: pathlib.Path):
  def publish(number: int) -> None:
    new = shutil.copytree(saved_model, tmp_path / f'new{number}')
    (new / 'number').write_text(str(number))  # or a rollback would find all versions the same
    assert push.publish(new, tmp_path, live.NAME)[0] == number

  def change(command: str) -> None:
    assert push_command.main([command, f'--serving_model_dir={tmp_path}']) == 0

  publish(1)
  change('promote')
  server = live.Server(
    None,
    f'--model_config_file={tmp_path / labels.FILE}',
    '--model_config_file_poll_wait_seconds=1',
    '--allow_version_labels_for_unavailable_models',
  )
  try:
    server.wait_for('Serving digits version 1')
    publish(2)
    change('canary')
    server.wait_for_label('canary', 2)
    server.wait_for_label('stable', 1)
    change('promote')
    server.wait_for_label('stable', 2)
    change('rollback')
    server.wait_for_label('stable', 1)
    server.wait_for_states(v1='AVAILABLE', v2='AVAILABLE', v3='AVAILABLE')
    change('promote')
    server.wait_for_label('stable', 3)
  finally:
    assert server.stop() == 0
  assert not [line for line in server.lines if 'was not applied' in line]
