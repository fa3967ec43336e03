"""Devices on machines that are not at hand: what TensorFlow would be told."""

import types

import pytest
import tensorflow as tf

from pipeline import errors
from pipeline.config.train import TrainConfig
from pipeline.train import devices
from pipeline.train.cluster import Member


@pytest.fixture
def told(monkeypatch):
  """A machine of two GPUs, and what TensorFlow was told of them."""
  gpus = [tf.config.PhysicalDevice(f'/physical_device:GPU:{i}', 'GPU') for i in range(2)]
  told = types.SimpleNamespace(gpus=gpus, grows={}, visible=None)
  monkeypatch.setattr(tf.config, 'list_physical_devices', {'GPU': gpus}.__getitem__)
  monkeypatch.setattr(tf.config.experimental, 'set_memory_growth', told.grows.__setitem__)
  monkeypatch.setattr(
    tf.config, 'set_visible_devices', lambda seen, kind: setattr(told, 'visible', (seen, kind))
  )
  monkeypatch.setattr(tf.distribute, 'MirroredStrategy', lambda names: names)
  monkeypatch.setattr(tf.distribute, 'MultiWorkerMirroredStrategy', lambda *given: given)
  return told


@pytest.mark.parametrize('num_devices', [0, 2])
def test_all_gpus_mirror_each_other_and_take_memory_as_they_need_it(told, num_devices):
  found = devices.strategy(TrainConfig(num_devices=num_devices))
  assert found == ['GPU:0', 'GPU:1']
  assert told.grows == dict.fromkeys(told.gpus, True)


def test_one_gpu_needs_no_mirror(told):
  assert devices.strategy(TrainConfig(num_devices=1)) is tf.distribute.get_strategy()
  assert told.grows[told.gpus[0]]


@pytest.mark.parametrize('num_devices', [1, 2])
def test_a_worker_shows_tensorflow_as_many_gpus_as_it_may_use(told, num_devices):
  member = Member(('localhost:1', 'localhost:2'), 1)
  [resolver] = devices.strategy(TrainConfig(num_devices=num_devices), member)
  assert told.visible == (told.gpus[:num_devices], 'GPU')
  assert told.grows == dict.fromkeys(told.gpus, True)
  assert resolver.num_accelerators() == {'GPU': num_devices}
  assert (resolver.task_type, resolver.task_id) == ('worker', 1)


def test_more_gpus_than_there_are(told):
  with pytest.raises(errors.ConfigError, match=r'--num_devices=3 .* but 2 GPUs were found'):
    devices.strategy(TrainConfig(num_devices=3, batch_size=66))


def test_a_batch_that_all_gpus_of_all_workers_can_not_share(told):
  member = Member(('localhost:1', 'localhost:2'), 0)
  with pytest.raises(errors.ConfigError, match='batch_size=6 does not divide among 4 replicas'):
    devices.strategy(TrainConfig(batch_size=6), member)


def test_a_batch_of_which_a_gpu_gets_one_image(told):
  with pytest.raises(errors.ConfigError, match='the same in --batch_size=2 among 2 replicas'):
    devices.strategy(TrainConfig(batch_size=2))
