"""What `auto` takes on machines that are not at hand: the measurement is given."""

import pytest
import tensorflow as tf

from pipeline.train import precision


def test_what_is_asked_for_is_taken():
  assert precision.choose('mixed_float16')[0] == 'mixed_float16'


@pytest.mark.parametrize(
  ('bfloat16_s', 'policy'),
  [(3.0, 'float32'), (1.0, 'float32'), (0.8, 'float32'), (0.5, 'mixed_bfloat16')],
)
def test_a_cpu_takes_bfloat16_only_where_it_has_a_unit_for_it(monkeypatch, bfloat16_s, policy):
  seconds = {tf.float32: 1.0, tf.bfloat16: bfloat16_s}
  monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
  monkeypatch.setattr(precision, '_measure', seconds.__getitem__)
  assert precision.choose('auto') == (
    policy,
    f'bfloat16 convolutions ran {1 / bfloat16_s:.1f}x as fast as float32 here',
  )


@pytest.mark.parametrize(
  ('details', 'policy'),
  [
    ({'compute_capability': (9, 0)}, 'mixed_bfloat16'),
    ({'compute_capability': (8, 0)}, 'mixed_bfloat16'),
    ({'compute_capability': (7, 5)}, 'mixed_float16'),
    ({'compute_capability': (7, 0)}, 'mixed_float16'),
    ({'compute_capability': (6, 1)}, 'float32'),
    ({}, 'float32'),  # not one of NVIDIA
  ],
)
def test_a_gpu_is_gone_by_its_compute_capability(monkeypatch, details, policy):
  gpu = tf.config.PhysicalDevice('/physical_device:GPU:0', 'GPU')
  monkeypatch.setattr(tf.config, 'list_physical_devices', {'GPU': [gpu]}.__getitem__)
  monkeypatch.setattr(tf.config.experimental, 'get_device_details', {gpu: details}.__getitem__)
  assert precision.choose('auto')[0] == policy
