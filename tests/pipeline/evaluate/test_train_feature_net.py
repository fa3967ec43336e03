import pytest

from pipeline.evaluate import train_feature_net
from pipeline.evaluate.feature_net import FeatureNet
from pipeline.evaluate.reference import Reference
from tests.pipeline.evaluate.conftest import write_ingest


def test_both_files_belong_together(mnist_net, digits, tmp_path):
  train_feature_net.write(mnist_net, digits[0][:200], tmp_path, seed=0)
  net = FeatureNet.load(tmp_path / 'mnist.npz')
  reference = Reference.load(tmp_path / 'mnist_test.npz', net)
  assert net.tag == mnist_net.tag
  assert (reference.name, reference.num_images) == ('mnist_test', 200)


def test_poor_network_is_not_written(digits, tmp_path):
  split = (digits[0][:40], digits[1][:40])
  write_ingest(tmp_path / 'ingest', {'train': split, 'test': split})
  (tmp_path / 'weights').mkdir()
  with pytest.raises(SystemExit, match=r'below 0\.995; nothing was written'):
    train_feature_net.main(
      [
        f'--data_dir={tmp_path / "ingest"}',
        f'--output_dir={tmp_path / "weights"}',
        '--num_steps=1',
      ]
    )
  assert not list((tmp_path / 'weights').iterdir())
