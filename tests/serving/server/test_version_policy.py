import pathlib

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import file_system_storage_path_source_pb2

from serving.server import version_policy

Policy = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy
FOUND = dict.fromkeys((1, 5, 3), pathlib.Path('somewhere'))


@pytest.mark.parametrize(
  ('text', 'chosen'),
  [
    ('', {5}),
    ('latest {}', {5}),
    ('latest { num_versions: 2 }', {5, 3}),
    ('latest { num_versions: 9 }', {5, 3, 1}),
    ('all {}', {5, 3, 1}),
    ('specific { versions: 1 versions: 3 versions: 8 }', {3, 1}),
  ],
)
def test_policies(text: str, chosen: set[int]):
  choose = version_policy.choice(text_format.Parse(text, Policy()))
  assert set(choose(FOUND)) == chosen
  assert choose({}) == {}


def test_none_wants_nothing():
  assert version_policy.none(FOUND) == {}
