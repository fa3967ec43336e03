import io

import numpy as np
import pytest
import rich.console

from pipeline import dataset, errors
from pipeline.config.evaluate import EvaluateConfig
from pipeline.console import Console
from pipeline.evaluate import feature_net, judging
from tests.pipeline.evaluate.conftest import write_ingest


@pytest.fixture
def console():
  return Console(rich.console.Console(file=io.StringIO(), soft_wrap=True))


def _net(folder, console, **changes):
  info = dataset.load_info(folder)
  images, labels = dataset.load_split(folder, 'train')
  return judging.feature_net_for(EvaluateConfig(judge_fit_steps=5), info, images, labels, console)


def test_digits_are_judged_by_the_packaged_network(digits, mnist_net, console, tmp_path):
  folder = write_ingest(tmp_path / 'ingest', {'train': (digits[0][:300], digits[1][:300])})
  assert _net(folder, console).tag == mnist_net.tag


def test_other_images_named_as_digits_get_a_network_of_their_own(digits, console, tmp_path):
  labels = (digits[1][:300] + 1) % 10  # ten classes called 0 to 9 that aren't those digits
  folder = write_ingest(tmp_path / 'ingest', {'train': (digits[0][:300], labels)})
  net = _net(folder, console)
  assert (net.name, net.num_classes) == ('own', 10)
  assert 'not digits' in console.rich.file.getvalue()


def test_other_shapes_get_a_network_of_their_own(digits, console, tmp_path):
  images = np.pad(digits[0][:100], [(0, 0), (2, 2), (2, 2), (0, 0)])
  folder = write_ingest(tmp_path / 'ingest', {'train': (images, digits[1][:100])})
  assert _net(folder, console).image_shape == (32, 32, 1)


def test_images_without_classes_get_a_network_of_turns(digits, console, tmp_path):
  labels = np.zeros(100, np.int64)
  folder = write_ingest(tmp_path / 'ingest', {'train': (digits[0][:100], labels)}, class_names=())
  assert not _net(folder, console).reads_labels


@pytest.mark.parametrize(
  ('reference', 'name', 'has_test', 'expected', 'num_images'),
  [
    ('auto', 'digits', True, 'test', 60),
    ('auto', 'mnist_sample', False, 'mnist_test', 10_000),
    ('auto', 'digits', False, 'train', 100),
    ('train', 'digits', True, 'train', 100),
    ('test', 'digits', True, 'test', 60),
    ('mnist_test', 'digits', False, 'mnist_test', 10_000),
  ],
)
def test_reference_is_as_configured(
  digits, mnist_net, console, tmp_path, reference, name, has_test, expected, num_images
):
  splits = {'train': (digits[0][:200], digits[1][:200])}
  if has_test:
    splits['test'] = (digits[0][200:260], digits[1][200:260])
  folder = write_ingest(tmp_path / 'ingest', splits, name=name)
  config = EvaluateConfig(reference=reference)
  reals = judging.reals_for(config, folder, mnist_net, splits['train'][0], console)
  assert (reals.reference.name, reals.reference.num_images) == (expected, num_images)
  assert len(reals.train.features) == 200
  assert len(reals.floor.features) == (100 if expected == 'train' else 200)


def test_reference_that_is_not_there_is_refused(digits, mnist_net, console, tmp_path):
  folder = write_ingest(tmp_path / 'ingest', {'train': (digits[0][:50], digits[1][:50])})
  info = dataset.load_info(folder)
  with pytest.raises(errors.ConfigError, match=r'--reference=test .* no test split'):
    judging.reference_name(EvaluateConfig(reference='test'), info, mnist_net)
  own = feature_net.FeatureNet.fit(digits[0][:50], digits[1][:50], 10, seed=0, num_steps=5)
  with pytest.raises(errors.ConfigError, match=r'--reference=mnist_test .* not MNIST'):
    judging.reference_name(EvaluateConfig(reference='mnist_test'), info, own)
