import concurrent.futures
import pathlib

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.push import labels

OTHER = """
model_config_list {
  config {
    name: "faces" base_path: "/models/faces" model_platform: "tensorflow"
    model_version_policy { all {} }
  }
}
"""


@pytest.fixture
def config_file(tmp_path: pathlib.Path) -> pathlib.Path:
  return tmp_path / 'models.config'


def parsed(config_file: pathlib.Path) -> model_server_config_pb2.ModelServerConfig:
  return text_format.Parse(config_file.read_text(), model_server_config_pb2.ModelServerConfig())


def test_a_new_file_serves_the_labelled_versions(config_file: pathlib.Path):
  assert labels.read(config_file, 'digits') == {}
  labels.write(config_file, config_file.parent / 'digits', {'stable': 3, 'canary': 5})
  assert labels.read(config_file, 'digits') == {'stable': 3, 'canary': 5}
  (model,) = parsed(config_file).model_config_list.config
  assert (model.name, model.model_platform) == ('digits', 'tensorflow')
  assert model.base_path == str(config_file.parent / 'digits')
  assert list(model.model_version_policy.specific.versions) == [3, 5]


def test_what_the_file_says_of_others_is_kept(config_file: pathlib.Path):
  config_file.write_text(OTHER)
  labels.write(config_file, config_file.parent / 'digits', {'stable': 1})
  faces, digits = parsed(config_file).model_config_list.config
  assert faces.base_path == '/models/faces'
  assert faces.model_version_policy.HasField('all')
  assert dict(digits.version_labels) == {'stable': 1}


def test_a_path_that_the_server_knows_is_kept(config_file: pathlib.Path):
  config_file.write_text(OTHER)
  labels.write(config_file, config_file.parent / 'faces', {'stable': 2})
  (faces,) = parsed(config_file).model_config_list.config
  assert faces.base_path == '/models/faces'
  assert list(faces.model_version_policy.specific.versions) == [2]


def test_the_stable_version_before_is_served_until_the_next_change(config_file: pathlib.Path):
  folder = config_file.parent / 'digits'
  for known, served in (
    ({'stable': 3, 'canary': 4}, {3, 4}),
    ({'stable': 4}, {3, 4}),  # the label may go back at once
    ({'stable': 4, 'canary': 5}, {4, 5}),
    ({'stable': 4, 'canary': 6}, {4, 6}),
  ):
    labels.write(config_file, folder, known)
    assert labels.read(config_file, 'digits') == known
    assert labels.served(config_file, 'digits') == served


def test_a_version_may_be_served_without_a_label(config_file: pathlib.Path):
  folder = config_file.parent / 'digits'
  labels.write(config_file, folder, {'stable': 3}, beside=[5, 4])
  assert labels.read(config_file, 'digits') == {'stable': 3}
  assert labels.served(config_file, 'digits') == {3, 4, 5}


def test_a_file_of_another_kind_is_named_and_left_alone(config_file: pathlib.Path):
  config_file.write_text('model_config_list { oops')
  with pytest.raises(ValueError, match=r'models\.config is no configuration of TF Serving'):
    labels.write(config_file, config_file.parent / 'digits', {'stable': 1})
  assert config_file.read_text() == 'model_config_list { oops'


def test_labels_of_racing_processes_all_arrive(config_file: pathlib.Path):
  def add(number: int) -> None:
    with labels.locked(config_file):
      known = labels.read(config_file, 'digits')
      labels.write(
        config_file,
        config_file.parent / 'digits',
        known | {labels.STABLE: 1, f'label{number}': number},
      )

  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(add, range(1, 17)))
  assert labels.read(config_file, 'digits') == {labels.STABLE: 1} | {
    f'label{n}': n for n in range(1, 17)
  }
