"""What is deployed, read by what will read it: the servers, Prometheus, Grafana, Kustomize."""

import json
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.server import batching_parameters, config_files
from serving.server.config_messages import BatchingParameters, MonitoringConfig
from tests.serving.server import live

ROOT = pathlib.Path(__file__).parent.parent.parent
CONFIGS = ROOT / 'configs' / 'serving'
DASHBOARD = CONFIGS / 'grafana' / 'serving.json'
PROGRAMS = {
  'promtool': 'apt-get install prometheus',
  'kustomize': 'go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1',
}


def run(program: str, *arguments: str | pathlib.Path) -> str:
  """What a program prints; the test is skipped where there is no such program."""
  if shutil.which(program) is None:
    pytest.skip(f'{program} is not installed: {PROGRAMS[program]}')
  done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
  assert done.returncode == 0, done.stdout + done.stderr
  return done.stdout


@pytest.mark.parametrize(
  ('name', 'kind'),
  [
    ('models.config', ModelServerConfig),
    ('monitoring.config', MonitoringConfig),
    ('batching.config', BatchingParameters),
  ],
)
def test_the_embedded_server_reads_its_files(name: str, kind: type):
  message = config_files.read(str(CONFIGS / name), kind)
  assert message.ListFields()


def test_the_embedded_server_batches_as_the_file_says():
  message = config_files.read(str(CONFIGS / 'batching.config'), BatchingParameters)
  parameters = batching_parameters.parameters(message)
  assert parameters.max_batch_size == parameters.allowed_batch_sizes[-1] == 64


@pytest.mark.slow
def test_the_embedded_server_runs_with_the_flags_and_files_of_the_container(
  saved_model: pathlib.Path, tmp_path: pathlib.Path
):
  shutil.copytree(saved_model, tmp_path / 'models' / 'digits' / '1')
  for path in CONFIGS.glob('*.config'):
    text = path.read_text(encoding='utf-8').replace('"/models/', f'"{tmp_path}/models/')
    (tmp_path / path.name).write_text(text, encoding='utf-8')
  command = services()['serving']['command']
  flags = [flag.replace('=/config/', f'={tmp_path}/') for flag in command if '_port' not in flag]
  flags.remove('--port=8500')
  with live.Server(None, *flags) as server:
    server.post({'inputs': {'seed': [1, 2], 'label': [0, 1]}})
    (job,) = yaml.safe_load((CONFIGS / 'prometheus.yml').read_text())['scrape_configs']
    status, metrics = server.rest(job['metrics_path'])
  assert status == 200
  asked = re.findall(r'__name__="(.+?)"', ' '.join(questions()))
  assert asked
  for name in asked:
    assert re.search(rf'^{name}{{model_name="digits"', metrics.decode(), re.MULTILINE), name
  assert not [line for line in server.lines if 'flag' in line]


def test_prometheus_takes_its_file():
  printed = run('promtool', 'check', 'config', '--lint-fatal', CONFIGS / 'prometheus.yml')
  assert 'SUCCESS' in printed


def test_prometheus_takes_the_questions_of_the_dashboard(tmp_path: pathlib.Path):
  asked = questions()
  rules = [{'record': f'target{i}', 'expr': text} for i, text in enumerate(asked)]
  path = tmp_path / 'rules.yml'
  path.write_text(yaml.safe_dump({'groups': [{'name': 'dashboard', 'rules': rules}]}))
  assert f'{len(asked)} rules found' in run('promtool', 'check', 'rules', path)


def test_grafana_knows_all_that_the_dashboard_says():
  plugins.register_default_plugins()
  said = json.loads(DASHBOARD.read_text(encoding='utf-8'))
  understood = json.loads(JSONEncoder().encode(Dashboard.from_json(said)))
  assert list(lost(said, understood)) == []


def lost(said: Any, understood: Any, path: str = '') -> Iterator[str]:
  """Where something is said that is not understood; what is not said has a default."""
  if isinstance(said, dict) and isinstance(understood, dict):
    for key, value in said.items():
      yield from lost(value, understood.get(key), f'{path}/{key}')
  elif isinstance(said, list) and isinstance(understood, list) and len(said) == len(understood):
    for i, pair in enumerate(zip(said, understood, strict=True)):
      yield from lost(*pair, f'{path}/{i}')
  elif said != understood:
    yield f'{path}: {said!r} is understood as {understood!r}'


def test_grafana_finds_its_files_and_prometheus():
  mounted = dict(volume.split(':')[:2] for volume in services()['grafana']['volumes'])
  for path in mounted:
    assert (ROOT / path).is_file()
  (provider,) = yaml.safe_load((CONFIGS / 'grafana' / 'dashboards.yml').read_text())['providers']
  folder = pathlib.PurePosixPath(mounted['./configs/serving/grafana/serving.json']).parent
  assert provider['options']['path'] == str(folder)
  (source,) = yaml.safe_load((CONFIGS / 'grafana' / 'datasource.yml').read_text())['datasources']
  (port,) = services()['prometheus']['ports']
  assert source['url'] == f'http://prometheus:{port.rsplit(":", 1)[1]}'
  for panel in panels():
    assert panel['datasource'] == {'type': source['type'], 'uid': source['uid']}


def test_kustomize_builds_what_is_applied():
  built = list(yaml.safe_load_all(run('kustomize', 'build', CONFIGS)))
  by_kind = {manifest['kind']: manifest for manifest in built}
  assert len(by_kind) == len(built) == 6
  pod = by_kind['Deployment']['spec']['template']['spec']
  (image,) = yaml.safe_load((CONFIGS / 'kustomization.yaml').read_text())['images']
  assert pod['containers'][0]['image'] == f'{image["newName"]}:{image["newTag"]}'
  # Its name ends in a hash of the files, so that a change of them starts the pods anew.
  mounted = [v['configMap']['name'] for v in pod['volumes'] if 'configMap' in v]
  assert mounted == [by_kind['ConfigMap']['metadata']['name']]
  assert mounted != ['forgeline-serving']
  for name, text in by_kind['ConfigMap']['data'].items():
    assert (CONFIGS / name).read_text(encoding='utf-8') == text


def panels() -> list[dict[str, Any]]:
  return json.loads(DASHBOARD.read_text(encoding='utf-8'))['panels']


def questions() -> list[str]:
  return [target['expr'] for panel in panels() for target in panel['targets']]


def services() -> dict[str, Any]:
  return yaml.safe_load((ROOT / 'docker-compose.yaml').read_text(encoding='utf-8'))['services']
