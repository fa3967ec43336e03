import contextlib
import http.client
import re

import numpy as np
import pytest

from serving.server import config_files, lifetime
from serving.server.config_messages import MonitoringConfig
from serving.server.metrics import Counter, Histogram, Metrics
from tests.serving.server import live

NUMBER = {'number': np.ones([2, 1], np.float32)}


def test_counter():
  counter = Counter('/a/b', 'x', 'y')
  counter.add('1', 'quote " \\ \n')
  counter.add('1', 'quote " \\ \n', amount=2)
  assert list(counter.lines()) == [
    '# TYPE :a:b counter',
    ':a:b{x="1",y="quote \\" \\\\ \\n"} 3',
  ]
  assert counter.total() == 3


def test_histogram_counts_up_to_each_limit():
  histogram = Histogram('/h', [1, 10], 'x')
  for value in (0.5, 1, 2, 100):
    histogram.observe(value, 'v')
  assert list(histogram.lines()) == [
    '# TYPE :h histogram',
    ':h_bucket{x="v",le="1"} 1',
    ':h_bucket{x="v",le="10"} 3',
    ':h_bucket{x="v",le="+Inf"} 4',
    ':h_sum{x="v"} 103.5',
    ':h_count{x="v"} 4',
  ]


def test_batches_are_counted():
  metrics = Metrics()
  metrics.request_in_queue(3, 2)
  metrics.batch(3, 4)
  lines = metrics.text().splitlines()
  batching = ':tensorflow:serving:batching_session'
  for line in (
    f'{batching}:input_batch_size_bucket{{le="2"}} 0',
    f'{batching}:input_batch_size_bucket{{le="4"}} 2',
    f'{batching}:input_batch_size_sum{{}} 6',
    f'{batching}:processed_batch_size_sum{{}} 4',
    f'{batching}:padding_size_sum{{execution_batch_size="4"}} 1',
  ):
    assert line in lines


def test_latencies_have_tf_servings_limits():
  metrics = Metrics()
  metrics.request('m', 'OK', 1e-6, 'Predict', 'GRPC')
  limits = re.findall(r':request_latency_bucket\{.*le="(.*)"\}', metrics.text())
  assert limits[:5] == ['10', '18', '32.4', '58.32', '104.976']
  assert len(limits) == 34
  assert limits[-1] == '+Inf'


def value(server: live.Server, name: str, **labels: str) -> float:
  status, text = server.rest('/metrics')
  assert status == 200
  pairs = ','.join(f'{key}="{label}"' for key, label in labels.items())
  prefix = f':tensorflow:serving:{name}{{{pairs}}} '
  lines = [line for line in text.decode().splitlines() if line.startswith(prefix)]
  return float(lines[0].removeprefix(prefix)) if lines else 0


@pytest.mark.parametrize(('entrypoint', 'api'), [('GRPC', 'Predict'), ('REST', 'predict')])
def test_requests_are_counted(odd_server: live.Server, entrypoint: str, api: str):
  counts = [
    ('request_count', {'model_name': 'digits', 'status': 'OK'}),
    ('request_latency_count', {'model_name': 'digits', 'API': api, 'entrypoint': entrypoint}),
    ('runtime_latency_count', {'model_name': 'digits', 'API': 'Predict', 'runtime': 'TF1'}),
  ]
  before = [value(odd_server, name, **labels) for name, labels in counts]
  if entrypoint == 'GRPC':
    odd_server.predict('', **NUMBER)
  else:
    odd_server.post({'inputs': [[1]]})
  assert [value(odd_server, name, **labels) for name, labels in counts] == [n + 1 for n in before]


def test_errors_are_counted_by_their_code(odd_server: live.Server):
  labels = {'model_name': 'digits', 'status': 'INVALID_ARGUMENT'}
  latencies = {'model_name': 'digits', 'API': 'predict', 'entrypoint': 'REST'}
  before = value(odd_server, 'request_count', **labels)
  answered = value(odd_server, 'request_latency_count', **latencies)
  assert odd_server.rest('/v1/models/digits:predict', {'inputs': 'x'})[0] == 400
  assert value(odd_server, 'request_count', **labels) == before + 1
  assert value(odd_server, 'request_latency_count', **latencies) == answered  # of answers alone


def test_names_that_clients_invent_are_not_kept(odd_server: live.Server):
  before = value(odd_server, 'request_count', model_name='', status='NOT_FOUND')
  assert odd_server.rest('/v1/models/invented:predict', {'inputs': 1})[0] == 404
  assert value(odd_server, 'request_count', model_name='', status='NOT_FOUND') == before + 1
  assert b'invented' not in odd_server.rest('/metrics')[1]


def test_examples_are_counted(odd_server: live.Server):
  before = value(odd_server, 'request_example_count_total', model='examples')
  odd_server.rest('/v1/models/examples:classify', {'examples': [{}, {}, {}]})
  assert value(odd_server, 'request_example_count_total', model='examples') == before + 3


@pytest.mark.parametrize(
  ('path', 'status', 'text'),
  [
    ('/metrics', 200, '# TYPE :tensorflow:serving:request_count counter'),
    ('/metrics?x', 400, 'Unexpected path: /metrics?x. Should be /metrics'),
  ],
)
def test_page_is_plain_text(odd_server: live.Server, path: str, status: int, text: str):
  connection = http.client.HTTPConnection('127.0.0.1', odd_server.rest_port, timeout=60)
  with contextlib.closing(connection):
    connection.request('GET', path)
    reply = connection.getresponse()
    assert (reply.status, reply.getheader('Content-Type')) == (status, 'text/plain')
    assert reply.read().decode().startswith(text)


def test_metrics_are_off_unless_asked_for(server: live.Server, tmp_path):
  assert server.rest('/monitoring/prometheus/metrics')[0] == 404
  path = tmp_path / 'monitoring.config'
  for text, expected in [
    ('', ''),
    ('prometheus_config { path: "/x" }', ''),
    ('prometheus_config { enable: true }', '/monitoring/prometheus/metrics'),
    ('prometheus_config { enable: true path: "/x" }', '/x'),
  ]:
    path.write_text(text)
    config = config_files.read(str(path), MonitoringConfig)
    assert lifetime._metrics_path(config) == expected
