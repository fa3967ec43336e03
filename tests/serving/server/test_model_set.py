import pathlib
import time

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_status_pb2, model_pb2
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.server import inference, model_set, rest_api, versions
from serving.server.errors import Code, ServingError
from serving.server.metrics import Metrics
from serving.server.models import Models
from serving.server.options import Options
from tests.serving.server.loader import Loader

STATES = get_model_status_pb2.ModelVersionStatus.State


class Served:
  """A model set over folders, without TensorFlow."""

  def __init__(self, base: pathlib.Path, **options: bool) -> None:
    self.base, self.models, self.loader = base, Models(), Loader()
    options.setdefault('labels_before_versions', False)
    self.set = model_set.ModelSet(self.models, self._make, **options)

  def _make(self, name, path, choose) -> versions.ModelVersions:
    timing = versions.Timing(poll_s=0.01, max_retries=0)
    return versions.ModelVersions(name, path, self.loader, timing, choose)

  def push(self, name: str, *numbers: int, good: bool = True) -> None:
    for number in numbers:
      folder = self.base / f'.{number}'
      folder.mkdir(parents=True)
      if good:
        (folder / 'good').touch()
      (self.base / name).mkdir(exist_ok=True)
      folder.rename(self.base / name / str(number))

  def apply(self, *configs: str) -> None:
    new = self.set.apply(config(self.base, *configs))
    model_set.wait_until_available(new, 'model', lambda: True)

  def version(self, name: str, **spec) -> int:
    with self.models.use(model_pb2.ModelSpec(name=name, **spec)) as servable:
      return servable.version

  def states(self, name: str) -> dict[int, str]:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    return {
      s.version: STATES.Name(s.state) for s in self.models.status(request).model_version_status
    }

  def wait_for_states(self, name: str, expected: dict[int, str]) -> None:
    end_s = time.monotonic() + 60
    while self.states(name) != expected:
      assert time.monotonic() < end_s, self.states(name)
      time.sleep(0.01)


def config(base: pathlib.Path, *models: str) -> ModelServerConfig:
  """A configuration from each model's name and what else its text proto holds."""
  config = ModelServerConfig()
  for name, _, fields in (model.partition(' ') for model in models):
    model = text_format.Parse(fields, config.model_config_list.config.add(name=name))
    model.base_path = model.base_path or str(base / name)
    if 'model_platform' not in fields and 'model_type' not in fields:
      model.model_platform = 'tensorflow'
  return config


@pytest.fixture
def served(tmp_path: pathlib.Path):
  served = Served(tmp_path)
  yield served
  served.set.stop(0)


def test_several_models_with_policies(served: Served):
  served.push('a', 1, 2)
  served.push('b', 1, 2, 3)
  served.push('c', 4, 5, 6)
  served.apply(
    'a',
    'b model_version_policy { all {} }',
    'c model_version_policy { specific { versions: 4 versions: 6 } } model_type: TENSORFLOW',
  )
  served.wait_for_states('a', {2: 'AVAILABLE'})
  served.wait_for_states('b', {3: 'AVAILABLE', 2: 'AVAILABLE', 1: 'AVAILABLE'})
  served.wait_for_states('c', {6: 'AVAILABLE', 4: 'AVAILABLE'})
  assert served.version('b', version={'value': 1}) == 1
  assert served.version('b') == 3


def test_reload_replaces_the_whole_set(served: Served):
  served.push('a', 1, 2)
  served.push('b', 1)
  served.apply('a')
  served.apply('b')
  assert served.version('b') == 1
  served.wait_for_states('a', {2: 'END'})
  with pytest.raises(ServingError, match=r'NOT_FOUND: .*Latest\(a\)'):
    served.version('a')
  served.apply('a', 'b')
  assert served.version('a') == 2
  assert served.loader.events.count('load 2') == 2


def test_people_are_told_of_what_is_served_alone(served: Served):
  page = rest_api.RestApi(inference.Inference(served.models, Metrics(), Options()))
  two = 'b model_version_policy { latest { num_versions: 2 } }'
  assert (served.models.summary(), page.model_names) == ('no model', [])
  served.push('a', 1)
  served.push('b', 1, 2)
  served.push('b', 3, good=False)
  served.apply('a', two)
  served.wait_for_states('b', {3: 'END', 2: 'AVAILABLE'})
  assert served.models.summary() == 'a version 1, b version 2'
  assert page.model_names == ['a', 'b']
  served.apply(two)
  served.wait_for_states('a', {1: 'END'})
  assert (served.models.summary(), page.model_names) == ('b version 2', ['b'])


def test_changed_policy_keeps_what_is_loaded(served: Served):
  served.push('a', 1, 2)
  served.apply('a')
  served.apply('a model_version_policy { all {} }')
  served.wait_for_states('a', {2: 'AVAILABLE', 1: 'AVAILABLE'})
  served.apply('a model_version_policy { specific { versions: 1 } }')
  served.wait_for_states('a', {2: 'END', 1: 'AVAILABLE'})
  assert served.loader.events == ['load 2', 'load 1', 'close 2']


def test_empty_configuration_changes_nothing(served: Served):
  served.push('a', 1)
  served.apply('a')
  assert served.set.apply(ModelServerConfig()) == []
  assert served.version('a') == 1


ALL = 'model_version_policy { all {} }'


def label(name: str, number: int) -> str:
  return f'version_labels {{ key: "{name}" value: {number} }}'


def test_labels_choose_and_move(served: Served):
  served.push('a', 1, 2)
  served.apply(f'a {ALL}')
  served.wait_for_states('a', {2: 'AVAILABLE', 1: 'AVAILABLE'})
  served.apply(f'a {ALL} {label("stable", 1)} {label("canary", 2)}')
  assert served.version('a', version_label='stable') == 1
  assert served.version('a', version_label='canary') == 2
  served.apply(f'a {ALL} {label("stable", 2)}')
  assert served.version('a', version_label='stable') == 2
  for name, text in (('a', 'canary'), ('x', 'stable')):
    with pytest.raises(ServingError, match=f'label: {text}') as caught:
      served.version(name, version_label=text)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_label_of_a_version_that_is_not_available(served: Served):
  served.push('a', 1)
  with pytest.raises(ServingError) as caught:
    served.apply(f'a {label("stable", 1)}')  # as TF Serving: nothing is loaded yet
  assert (caught.value.code, caught.value.message) == (
    Code.FAILED_PRECONDITION,
    'Request to assign label to version 1 of model a, which is not currently available for'
    ' inference',
  )
  served.apply('a')
  served.apply(f'a {label("stable", 1)}')
  with pytest.raises(ServingError, match='version 7 of model a'):
    served.apply(f'a {label("stable", 7)}')
  assert served.version('a', version_label='stable') == 1


def test_new_labels_may_come_first_if_allowed(tmp_path: pathlib.Path):
  served = Served(tmp_path, labels_before_versions=True)
  served.push('a', 1)
  served.apply(f'a {label("stable", 1)} {label("next", 2)}')
  assert served.version('a', version_label='stable') == 1
  with pytest.raises(ServingError, match=r'NOT_FOUND: .*Specific\(a, 2\)'):
    served.version('a', version_label='next')
  with pytest.raises(ServingError, match='version 9 of model a'):
    served.apply(f'a {label("stable", 9)}')  # moved, not new
  served.set.stop(0)


@pytest.mark.parametrize(
  ('configs', 'text'),
  [
    (['a', 'a'], 'Illegal to list model a multiple times in config list'),
    (
      ['a base_path: "some/where"'],
      'Expected model a to have an absolute path or URI; got base_path()=some/where',
    ),
    (['a model_platform: ""'], 'Illegal setting neither ModelServerConfig::model_type'),
    (
      ['a model_platform: "tensorflow" model_type: TENSORFLOW'],
      'Illegal setting both ModelServerConfig::model_type',
    ),
    (['a model_type: OTHER'], 'ModelServerConfig::model_type choice 2 not supported.'),
    (
      ['b model_platform: "other"', 'a'],
      'Model b requests unsupported platform other',
    ),
    (
      ['a model_platform: "other"'],
      "Illegal to change a model's platform. For model a platform was tensorflow and new platform"
      ' requested is other',
    ),
  ],
)
def test_configurations_that_can_not_be(served: Served, configs: list[str], text: str):
  served.push('a', 1)
  served.apply('a')
  with pytest.raises(ServingError) as caught:
    served.apply(*configs)
  assert caught.value.code is Code.INVALID_ARGUMENT
  assert caught.value.message.startswith(text)
  assert served.version('a') == 1


def test_custom_configurations_are_unknown(served: Served):
  with pytest.raises(ServingError, match='model_config_list alone'):
    served.set.apply(text_format.Parse('custom_model_config {}', ModelServerConfig()))


def test_model_that_does_not_load(served: Served):
  served.push('a', 1, good=False)
  with pytest.raises(ServingError) as caught:
    served.apply('a')
  assert (caught.value.code, caught.value.message) == (
    Code.UNKNOWN,
    '1 model(s) did not become available: {{{name: a version: 1} due to error: DATA_LOSS: 1 is'
    ' damaged}, }',
  )


def test_nobody_waits_for_a_model_without_versions(served: Served):
  new = served.set.apply(config(served.base, 'a'))
  with pytest.raises(ServingError, match='CANCELLED'):
    model_set.wait_until_available(new, 'model', lambda: False)


def test_single_model(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
  monkeypatch.chdir(tmp_path)
  (one,) = model_set.single('m', 'relative').model_config_list.config
  assert (one.name, one.base_path) == ('m', str(tmp_path / 'relative'))
