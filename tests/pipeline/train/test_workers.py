"""Training on two workers: two real processes on localhost, with TensorFlow's own connections."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.train import TrainConfig
from pipeline.console import Console
from pipeline.train.stage import take_part, train
from tests.pipeline.train.clusters import free_addresses, in_step, members, met

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STEPS = 300  # long enough to be stopped in the middle
SETTINGS = {
  'network': 'mlp',
  'batch_size': 16,
  'train_steps': STEPS,
  'latent_size': 8,
  'steps_per_loop': 4,
  'log_every_steps': 4,
  'snapshot_every_steps': 150,
  'penalty_every_steps': 4,
  'dropout': 0.2,
  'precision': 'float32',
  'xla': 'off',
  'deterministic': True,
}
LONGEST_S = 600


def train_in_step(config, data, folder):
  """Two workers; each leaves its result in a folder of its own. Gives what each raised."""

  def train_as(member):
    output = folder / str(member.index)
    output.mkdir(parents=True, exist_ok=True)
    with met(member) as peers:
      take_part(peers, config, data, output)

  return in_step([lambda each=each: train_as(each) for each in members()])


def train_alone(config, data, folder):
  train(config, data, folder, Console())


@pytest.fixture(scope='module')
def workers(data, tmp_path_factory):
  """The folders of two workers."""
  folder = tmp_path_factory.mktemp('workers')
  assert train_in_step(TrainConfig(**SETTINGS), data, folder) == [None, None]
  return folder / '0', folder / '1'


def weights(folder, steps=STEPS):
  with np.load(folder / f'snapshots/step-{steps:06}.npz') as arrays:
    return {name: arrays[name] for name in arrays.files}


def curve(folder):
  """The records, without what a clock has measured, or each worker beside its own real images."""
  records = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
  own = ('_s', '_ratio')
  return [{k: v for k, v in record.items() if not any(o in k for o in own)} for record in records]


def assert_same(one, other):
  for name, value in one.items():
    np.testing.assert_array_equal(other[name], value, err_msg=name)


def test_both_workers_have_the_same_weights(workers):
  for steps in (STEPS // 2, STEPS):
    assert_same(weights(workers[0], steps), weights(workers[1], steps))
  assert curve(workers[0]) == curve(workers[1])
  facts = [json.loads((folder / 'training.json').read_text()) for folder in workers]
  assert [each['num_replicas'] for each in facts] == [2, 2]


def test_the_course_is_that_of_one_worker_with_two_devices(workers, data, tmp_path):
  config = TrainConfig(**SETTINGS, num_devices=2)
  process = multiprocessing.get_context('spawn').Process(
    target=train_alone, args=(config, data, tmp_path)
  )
  process.start()
  process.join(LONGEST_S)
  assert process.exitcode == 0
  assert curve(tmp_path) == curve(workers[0])
  assert_same(weights(tmp_path), weights(workers[0]))


@pytest.mark.parametrize(
  'changes',
  [
    {'precision': 'mixed_float16', 'xla': 'on'},  # losses are scaled
    {'network': 'digits', 'snapshot_every_steps': 4},  # batch statistics are each worker's own
  ],
)
def test_workers_that_are_free_to_differ_stay_in_step(data, tmp_path, changes):
  changes |= {'train_steps': 8, 'deterministic': False, 'checkpoint_every_s': 0.0}
  assert train_in_step(TrainConfig(**SETTINGS | changes), data, tmp_path) == [None, None]
  last = [weights(tmp_path / str(index), 8) for index in range(2)]
  assert_same(*last)
  assert all(np.isfinite(value).all() for value in last[0].values())


def test_a_batch_that_does_not_divide_among_all_workers(data, tmp_path):
  config = TrainConfig(**SETTINGS | {'batch_size': 15})
  for error in train_in_step(config, data, tmp_path):
    assert isinstance(error, errors.ConfigError)
    assert 'batch_size=15 does not divide among 2 replicas' in str(error)


def test_workers_that_do_not_share_the_run_folder(workers, data, tmp_path):
  shutil.copytree(workers[0] / 'checkpoints', tmp_path / '0/checkpoints')
  chief, other = train_in_step(TrainConfig(**SETTINGS), data, tmp_path)
  for error in (chief, other):
    assert isinstance(error, errors.TrainingError)
    assert f'the chief at step {STEPS}' in str(error)
    assert '--run_dir on storage that all workers share' in str(error)


class Workers:
  """The program as users start it, once for each worker, in one run folder."""

  def __init__(self, folder):
    values = {**SETTINGS, 'image_size': 8, 'num_shards': 4, 'checkpoint_every_s': 0.2}
    values = {name: str(value).lower() for name, value in values.items()}
    self.folder, self.started, self._addresses = folder, [], free_addresses(2)
    self._command = [sys.executable, '-m', 'pipeline.run', f'--run_dir={folder}/run']
    self._command += ['--stages=ingest,train', *(f'--{k}={v}' for k, v in values.items())]

  def start(self, *flags):
    processes = [self._start(index, flags) for index in range(2)]
    self.started += processes
    return processes

  def _start(self, index, flags):
    task = {'type': 'worker', 'index': index}
    value = json.dumps({'cluster': {'worker': self._addresses}, 'task': task})
    return subprocess.Popen(
      [*self._command, *flags],
      env=os.environ | {'TF_CONFIG': value},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def wait_for_step(self, processes, step):
    """Returns once the chief has recorded a step."""
    records = self.folder / 'run/.train.partial/metrics.jsonl'
    deadline_s = time.monotonic() + LONGEST_S
    while not (records.is_file() and f'"step": {step},' in records.read_text()):
      assert all(process.poll() is None for process in processes), ended(processes)
      assert time.monotonic() < deadline_s
      time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path):
  cluster = Workers(tmp_path)
  yield cluster
  for process in cluster.started:
    process.kill()  # if a test has failed; the training processes end with them
    process.communicate()


def ended(processes):
  """Exit code, output and errors of each, all of which must end."""
  outputs = [process.communicate(timeout=LONGEST_S) for process in processes]
  return [(each.returncode, *output) for each, output in zip(processes, outputs, strict=True)]


def assert_goes_on(cluster, workers):
  """Both go on from the last checkpoint, to the bit as if nothing had been."""
  for index, (code, out, err) in enumerate(ended(cluster.start())):
    assert code == 0, err
    assert 'goes on from step' in out, index
  assert_same(weights(cluster.folder / 'run/train'), weights(workers[0]))


@pytest.mark.parametrize('lost', [0, 1])
def test_a_worker_is_killed_and_both_go_on_when_started_again(cluster, workers, lost):
  processes = cluster.start()
  cluster.wait_for_step(processes, 8)
  processes[lost].kill()
  survivor = ended(processes)[1 - lost]
  assert survivor[0] == 4, survivor
  assert survivor[2].startswith(f'TrainingError: worker {lost} of 2 (localhost:')
  assert survivor[2].count('\n') == 1
  assert 'Start the same command on all workers again to go on from the last' in survivor[2]
  assert_goes_on(cluster, workers)


@pytest.mark.parametrize('asked', [0, 1])
def test_a_signal_to_one_worker_stops_both_with_a_checkpoint(cluster, workers, asked):
  processes = cluster.start()
  cluster.wait_for_step(processes, 8)
  processes[asked].send_signal(signal.SIGTERM)
  for code, _, err in ended(processes):
    assert code == 42, err
    assert 'the state is saved and the same command goes on' in err
  assert_goes_on(cluster, workers)


def test_workers_have_no_more_threads_the_longer_they_train(cluster):
  processes = cluster.start('--train_steps=100000')
  cluster.wait_for_step(processes, 20)
  [child] = children(processes[0].pid)
  before = num_threads(child)
  cluster.wait_for_step(processes, 60)
  assert num_threads(child) < before + 40
  processes[0].terminate()
  assert [code for code, _, _ in ended(processes)] == [42, 42]


def num_threads(pid):
  return len(os.listdir(f'/proc/{pid}/task'))  # noqa: PTH208


def test_a_worker_that_hangs_is_named(cluster):
  processes = cluster.start('--train_steps=100000')
  cluster.wait_for_step(processes, 8)
  [child] = children(processes[1].pid)
  os.kill(child, signal.SIGSTOP)
  (code, _, err), (other_code, _, _) = ended(processes)  # the other parent ends its stopped child
  assert code == other_code == 4
  assert err.startswith('TrainingError: worker 1 of 2 (localhost:')


def children(pid):
  """The training process among those of a process."""
  found = subprocess.run(['pgrep', '-P', str(pid), '-f', 'spawn_main'], capture_output=True)
  return [int(line) for line in found.stdout.split()]
