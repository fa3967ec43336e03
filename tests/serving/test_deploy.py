"""What is deployed: parsed by the messages that TensorFlow Serving parses it with, and consistent.

`make lint` checks the Dockerfile, docker-compose.yaml and the manifests against their schemas.
"""

import json
import pathlib
import re

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from pipeline import next_steps
from serving import docker

ROOT = pathlib.Path(__file__).parent.parent.parent
CONFIGS = ROOT / 'configs' / 'serving'


def manifests():
  paths = sorted((CONFIGS / 'kubernetes').glob('*.yaml'))
  return {
    manifest['kind']: manifest
    for path in paths
    for manifest in yaml.safe_load_all(path.read_text(encoding='utf-8'))
  }


def compose():
  return yaml.safe_load((ROOT / 'docker-compose.yaml').read_text(encoding='utf-8'))


def test_the_model_is_where_the_volumes_put_it():
  text = (CONFIGS / 'models.config').read_text(encoding='utf-8')
  config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
  (model,) = config.model_config_list.config
  assert model.base_path == f'/models/{model.name}'
  (container,) = manifests()['Deployment']['spec']['template']['spec']['containers']
  assert '/models' in [mount['mountPath'] for mount in container['volumeMounts']]
  assert './serving_models:/models:ro' in compose()['services']['serving']['volumes']
  # The status alone is answered as long as any version is known, the metadata by one that serves.
  assert container['readinessProbe']['httpGet']['path'] == f'/v1/models/{model.name}/metadata'


def test_prometheus_asks_where_the_server_answers():
  path = re.search(r'path: "(.+)"', (CONFIGS / 'monitoring.config').read_text())[1]
  (job,) = yaml.safe_load((CONFIGS / 'prometheus.yml').read_text())['scrape_configs']
  annotations = manifests()['Deployment']['spec']['template']['metadata']['annotations']
  assert job['metrics_path'] == annotations['prometheus.io/path'] == path
  assert job['static_configs'][0]['targets'] == ['serving:8501']
  assert 'serving' in compose()['services']


def test_both_ways_pass_files_that_are_mounted():
  (container,) = manifests()['Deployment']['spec']['template']['spec']['containers']
  generated = yaml.safe_load((CONFIGS / 'kustomization.yaml').read_text())['configMapGenerator']
  for arguments in (container['args'], compose()['services']['serving']['command']):
    files = re.findall(r'/config/(\S+)', ' '.join(arguments))
    assert sorted(files) == sorted(generated[0]['files'])
    assert all((CONFIGS / name).is_file() for name in files)


def test_both_ways_start_the_server_alike_and_a_signal_ends_it():
  """It has no handler of SIGTERM: as process 1 it would not end, and the image's shell hides it."""
  pod = manifests()['Deployment']['spec']['template']['spec']
  (container,) = pod['containers']
  serving = compose()['services']['serving']
  assert container['command'] == serving['entrypoint'] == ['tensorflow_model_server']
  assert set(container['args']) == {*serving['command'], '--enable_grpc_healthcheck_service'}
  assert {'--port=8500', '--rest_api_port=8501'} <= set(serving['command'])
  assert pod['shareProcessNamespace']
  assert serving['init']


def test_an_hour_is_enough_for_the_first_version():
  (container,) = manifests()['Deployment']['spec']['template']['spec']['containers']
  probe = container['startupProbe']
  assert probe['periodSeconds'] * probe['failureThreshold'] == 3600


def test_all_manifests_are_applied():
  resources = yaml.safe_load((CONFIGS / 'kustomization.yaml').read_text())['resources']
  there = {f'kubernetes/{path.name}' for path in (CONFIGS / 'kubernetes').iterdir()}
  assert set(resources) == there


def test_the_image_has_a_registry_and_a_tag():
  (container,) = manifests()['Deployment']['spec']['template']['spec']['containers']
  (image,) = yaml.safe_load((CONFIGS / 'kustomization.yaml').read_text())['images']
  assert image['name'] == container['image']
  named = f'{image["newName"]}:{image["newTag"]}'
  assert re.fullmatch(r'[\w.-]+/[\w-]+:\w+', named)
  assert f'docker push {named}\n' in (ROOT / 'serving' / 'README.md').read_text(encoding='utf-8')


def test_nothing_runs_as_root_or_writes_its_own_disk():
  pod = manifests()['Deployment']['spec']['template']['spec']
  (container,) = pod['containers']
  assert pod['securityContext']['runAsNonRoot']
  assert container['securityContext']['readOnlyRootFilesystem']
  assert not container['securityContext']['allowPrivilegeEscalation']
  serving = compose()['services']['serving']
  assert serving['read_only']
  assert serving['tmpfs'] == ['/tmp']
  dockerfile = (ROOT / 'Dockerfile').read_text(encoding='utf-8')
  assert dockerfile.count('USER 10001') == dockerfile.count('\nFROM ') == 2


def test_every_place_names_the_same_image():
  for path in (ROOT / 'Dockerfile', ROOT / 'README.md', ROOT / 'serving' / 'README.md'):
    named = re.findall(r'tensorflow/serving\S*', path.read_text(encoding='utf-8'))
    assert set(named) == {docker.IMAGE}, path
  assert next_steps.serve_with_docker('digits', 'serving_models/digits').endswith(docker.IMAGE)


def test_every_port_of_docker_run_is_of_this_machine_alone():
  paths = ROOT / 'Dockerfile', ROOT / 'README.md', ROOT / 'serving' / 'README.md'
  texts = [path.read_text(encoding='utf-8') for path in paths]
  for text in (*texts, next_steps.serve_with_docker('digits', 'serving_models/digits')):
    ports = re.findall(r' -p (\S+:\d+)', text)
    assert ports
    assert all(port.startswith('127.0.0.1:') for port in ports)


def test_every_port_of_compose_is_of_this_machine_alone():
  ports = [port for service in compose()['services'].values() for port in service['ports']]
  assert ports
  assert all(port.startswith('127.0.0.1:') for port in ports)


@pytest.mark.parametrize('kind', ['Service', 'PodDisruptionBudget'])
def test_selectors_find_the_pods(kind):
  found = manifests()
  spec, pods = found[kind]['spec'], found['Deployment']['spec']['template']['metadata']['labels']
  assert (spec['selector'].get('matchLabels') or spec['selector']).items() <= pods.items()


def test_the_dashboard_shows_metrics_of_tensorflow_serving():
  board = json.loads((CONFIGS / 'grafana' / 'serving.json').read_text())
  asked = re.findall(r'__name__="([^"]+)"', json.dumps(board).replace('\\"', '"'))
  assert {name.removesuffix('_bucket') for name in asked} == {
    ':tensorflow:serving:request_count',
    ':tensorflow:serving:request_latency',
    ':tensorflow:serving:runtime_latency',
  }
