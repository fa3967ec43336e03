"""serving/openapi.yaml: sound, complete, and true of a live server."""

import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import openapi_spec_validator
import pytest
import yaml

from serving import server as server_package
from serving.server.errors import HTTP_STATUS
from tests.serving.server import live
from tests.serving.server.test_rest_service import api

FILE = pathlib.Path(server_package.__file__).parents[1] / 'openapi.yaml'
OPTIONAL = {'/': 'gallery', '/monitoring/prometheus/metrics': 'metrics'}
NAMES = {'model': 'digits', 'version': '1', 'label': 'stable'}


@pytest.fixture
def description() -> dict:
  return yaml.safe_load(FILE.read_text(encoding='utf-8'))


def operations(description: dict) -> dict[tuple[str, str], dict]:
  return {
    (method.upper(), path): operation
    for path, item in description['paths'].items()
    for method, operation in item.items()
    if method != 'parameters'
  }


def test_it_is_openapi(description: dict):
  openapi_spec_validator.validate(description)
  assert description['openapi'].startswith('3.1.')


def test_every_path_of_the_code_is_described(description: dict):
  which = ('', '/versions/{version}', '/labels/{label}')
  expected = {
    *(('POST', f'/v1/models/{{model}}{w}:{v}') for w in which for v in VERBS),
    *(('GET', f'/v1/models/{{model}}{w}{tail}') for w in which for tail in ('', '/metadata')),
    *(('GET', path) for path in OPTIONAL),
  }
  assert set(operations(description)) == expected
  for method, path in expected:
    if path not in OPTIONAL:
      api().work(method, path.format(**NAMES))  # raises on a path that it does not know


VERBS = ('predict', 'classify', 'regress')


def test_every_status_of_the_code_is_described(description: dict):
  computed = {200, *HTTP_STATUS.values(), 408, 413}
  for (method, path), operation in operations(description).items():
    if method == 'POST':
      assert set(operation['responses']) == set(map(str, computed)), path


@pytest.fixture
def open_server(
  saved_model: pathlib.Path,
  odd_model: pathlib.Path,
  example_model: pathlib.Path,
  tmp_path: pathlib.Path,
) -> Iterator[live.Server]:
  """All that REST has: a generator with a label, examples, metrics, the gallery."""
  models = {'digits': saved_model, 'odd': odd_model}
  for name, path in models.items():
    shutil.copytree(path, tmp_path / name / '1')
  config = live.config(
    **{name: tmp_path / name for name in models}, examples=example_model
  ).replace('digits" ', 'digits" version_labels { key: "stable" value: 1 } ', 1)
  (tmp_path / 'models.config').write_text(config)
  (tmp_path / 'monitoring.config').write_text('prometheus_config { enable: true }')
  server = live.Server(
    None,
    f'--model_config_file={tmp_path / "models.config"}',
    f'--monitoring_config_file={tmp_path / "monitoring.config"}',
    '--allow_version_labels_for_unavailable_models',
    '--enable_gallery',
  )
  try:
    server.wait_for('Serving')
    yield server
  finally:
    assert server.stop() == 0
    log = '\n'.join(server.lines)
    assert 'Traceback' not in log, log[-4000:]


@pytest.mark.slow
def test_the_server_answers_as_described(
  description: dict, open_server: live.Server, tmp_path: pathlib.Path
):
  """Requests that fit the description, and such that do not, of every operation."""
  known = {'model': ['digits', 'odd', 'examples'], 'label': ['stable'], 'version': [1, 2]}
  for name, values in known.items():  # or every request would be for a model that is not there
    description['components']['parameters'][name]['schema']['enum'] = values
  path = tmp_path / 'openapi.yaml'
  path.write_text(yaml.safe_dump(description))
  run = subprocess.run(
    [
      str(pathlib.Path(sys.executable).with_name('schemathesis')),
      *('run', str(path), '--url', f'http://127.0.0.1:{open_server.rest_port}'),
      *('--checks', ','.join(CHECKS), '--phases', 'examples,coverage,fuzzing'),
      *('--max-examples', '30', '--generation-deterministic'),
      *('--request-timeout', '60', '--continue-on-failure', '--warnings', 'off', '--no-color'),
    ],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    timeout=540,
    check=False,
  )
  assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
  assert re.search(rf'Operations:\s+{len(operations(description))}', run.stdout), run.stdout


CHECKS = (
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
)
