"""TF_CONFIG as users write it."""

import json
import os
import subprocess
import sys

import pytest

from pipeline import errors
from pipeline.train import cluster

ADDRESSES = ['one:2222', 'two:2222', '[::1]:2223']


def environment(cluster_jobs, kind='worker', index=0):
  return {
    'TF_CONFIG': json.dumps({'cluster': cluster_jobs, 'task': {'type': kind, 'index': index}})
  }


def test_without_tf_config_or_alone_there_is_no_cluster():
  assert cluster.from_environment({}) is None
  assert cluster.from_environment({'TF_CONFIG': ' '}) is None
  assert cluster.from_environment(environment({'worker': ['one:2222']})) is None


def test_the_first_worker_is_the_chief():
  first = cluster.from_environment(environment({'worker': ADDRESSES}))
  assert first.is_chief
  assert first.addresses == tuple(ADDRESSES)
  last = cluster.from_environment(environment({'worker': ADDRESSES}, index=2))
  assert not last.is_chief
  assert last.port == 2223
  assert last.name() == 'worker 2 of 3 ([::1]:2223)'
  assert last.name(0) == 'worker 0 of 3 (one:2222)'


def test_a_chief_of_its_own_comes_before_the_workers():
  jobs = {'chief': ['one:1'], 'worker': ['two:1']}
  assert cluster.from_environment(environment(jobs, 'chief')).is_chief
  worker = cluster.from_environment(environment(jobs, 'worker'))
  assert (worker.index, worker.port) == (1, 1)
  assert worker.addresses == ('one:1', 'two:1')


@pytest.mark.parametrize(
  ('values', 'message'),
  [
    ({'TF_CONFIG': '{"cluster": '}, r'can not be read \(JSONDecodeError'),
    ({'TF_CONFIG': '[]'}, 'can not be read'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", "b:1"]}}'}, "can not be read.*'task'"),
    (environment(['a:1']), 'can not be read'),
    (environment({}), 'has no list of workers'),
    (environment({'worker': 'a:1'}), 'has no list of workers'),
    (environment({'worker': ADDRESSES}, index=3), 'this is worker 3, but .* 0 chief and 3 worker'),
    (environment({'worker': ADDRESSES}, index=-1), 'this is worker -1'),
    (environment({'worker': ADDRESSES}, index='x'), 'can not be read'),
    (environment({'worker': ADDRESSES}, 'ps'), 'this is ps 0'),
    (environment({'worker': ['a', 'b:1']}), 'names a worker a, which is not host:port'),
    (environment({'worker': ['a:99999', 'b:1']}), 'names a worker a:99999'),
    (environment({'worker': ['b:1', 'b:1']}), 'names a worker b:1, which .*not once'),
  ],
)
def test_mistakes_are_one_line_with_an_example(values, message):
  with pytest.raises(errors.ConfigError, match=message) as caught:
    cluster.from_environment(values)
  assert '\n' not in str(caught.value)
  assert 'Write it as {"cluster": {"worker":' in str(caught.value)


def run(folder, index):
  values = environment({'worker': ['one:1', 'two:1']}, index=index)
  command = [sys.executable, '-m', 'pipeline.run', f'--run_dir={folder}/run', '--stages=golden']
  return subprocess.run(
    command, env=os.environ | values, capture_output=True, text=True, timeout=300, check=False
  )


def test_a_mistake_ends_a_run_before_it_has_begun(tmp_path):
  done = run(tmp_path, 2)
  assert done.returncode == 2
  assert done.stderr.startswith('ConfigError: TF_CONFIG says that this is worker 2')
  assert done.stderr.count('\n') == 1
  assert not (tmp_path / 'run').exists()


def test_only_the_chief_does_what_is_not_training(tmp_path):
  done = run(tmp_path, 1)
  assert done.returncode == 0, done.stderr
  assert 'worker 1 of 2 (two:1) takes part in training only' in done.stdout
  assert not (tmp_path / 'run').exists()
