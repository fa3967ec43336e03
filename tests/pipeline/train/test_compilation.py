"""When XLA is taken, on machines that are not at hand: the measurement is given."""

import pytest
import tensorflow as tf

from pipeline.config.train import TrainConfig
from pipeline.networks import ModelSpec
from pipeline.train import compilation, timing

SPEC = ModelSpec(network='mlp', latent_size=4, num_classes=0, class_names=(), image_shape=(8, 8, 1))
GPU = tf.config.PhysicalDevice('/physical_device:GPU:0', 'GPU')


def choose(num_replicas=1, **settings):
  config = TrainConfig(network='mlp', latent_size=4, **settings)
  return compilation.choose(SPEC, config, 'float32', num_replicas)


@pytest.fixture
def measured(monkeypatch):
  """Sets what a step takes without and with XLA, and the GPUs."""

  def measure(plain_s, compiled_s, gpus=()):
    monkeypatch.setattr(tf.config, 'list_physical_devices', {'GPU': gpus}.__getitem__)
    monkeypatch.setattr(compilation, '_gradients', lambda *args: args[-1])
    monkeypatch.setattr(timing, 'best_s', lambda xla, *args, **kw: compiled_s if xla else plain_s)

  return measure


@pytest.mark.parametrize(('compiled_s', 'taken'), [(0.003, True), (0.3, False)])
def test_auto_takes_the_faster(measured, compiled_s, taken):
  measured(0.03, compiled_s)
  reason = f'a step without penalty took {compiled_s * 1e3:.0f} ms with XLA against 30 ms without'
  assert choose() == (taken, reason)


@pytest.mark.parametrize('settings', [{'r1_gamma': 0.0}, {'penalty_every_steps': 1}])
def test_a_step_is_called_what_it_is(measured, settings):
  measured(0.03, 0.3)
  assert choose(**settings)[1] == 'a step took 300 ms with XLA against 30 ms without'


def test_several_devices_measure_only_if_they_are_gpus(measured):
  measured(0.03, 0.003)
  assert not choose(num_replicas=2)[0]
  measured(0.03, 0.003, [GPU, GPU])
  assert choose(num_replicas=2)[0]


@pytest.mark.parametrize('asked', ['on', 'off'])
def test_what_is_asked_for_is_taken(asked):
  assert choose(xla=asked) == (asked == 'on', 'as asked')


@pytest.mark.parametrize('asked', ['on', 'auto'])
def test_a_search_for_bad_numbers_is_not_compiled(asked):
  taken, reason = choose(xla=asked, debug_numerics=True)
  assert not taken
  assert '--debug_numerics' in reason
