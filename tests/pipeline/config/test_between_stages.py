"""Settings of several stages that make no sense together are refused before the first one runs."""

import pytest

from pipeline import errors, networks
from pipeline.config import between_stages
from pipeline.config.flags import parse
from pipeline.config.train import NETWORKS, USING_LABELS

UNLABELLED = '--network=dcgan'
ANOMALY = ('--anomaly_steps=10', '--min_anomaly_auroc=0.9')


@pytest.mark.parametrize(
  ('arguments', 'reason'),
  [
    (['--network=dcgan64', '--r1_gamma=0'], 'Choose an --image_size that 16 divides'),
    (['--image_size=30'], 'Choose an --image_size that 4 divides'),
    (['--augment=ada', '--augment_operations=color'], 'leaves the grey images'),
    (['--normal_classes=0', '--conditioning=projection'], 'which --normal_classes=0 leaves out'),
    (['--normal_classes=0', '--mismatch_weight=0.1'], 'which --normal_classes=0 leaves out'),
    (['--dataset=celeba', '--data_dir=x', '--mismatch_weight=1'], 'which --dataset=celeba leaves'),
    (
      ['--min_label_agreement=0.9', UNLABELLED],
      'one of --network=dcgan --conditioning=auto does not',
    ),
    (['--min_label_agreement=0.9', '--normal_classes=0'], 'one of --normal_classes=0 does not'),
    (['--anomaly_steps=10'], 'needs a generator without labels'),
    (['--min_anomaly_auroc=0.9'], 'measures what --anomaly_steps fits'),
    ([*ANOMALY, '--conditioning=none'], 'not of --normal_classes'),
  ],
)
def test_refused(arguments, reason):
  with pytest.raises(errors.ConfigError, match=reason) as caught:
    parse(arguments)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  'arguments',
  [
    ['--network=dcgan64', '--r1_gamma=0', '--image_size=32'],
    ['--network=mlp', '--image_size=30'],
    ['--augment=ada', '--augment_operations=color', '--num_channels=3'],
    ['--normal_classes=0', *ANOMALY],
    ['--anomaly_steps=10', '--conditioning=none'],
    ['--anomaly_steps=10', '--dataset=image_folder', '--data_dir=x'],
    ['--min_label_agreement=0.9', UNLABELLED, '--conditioning=projection'],
  ],
  ids=str,
)
def test_accepted(arguments):
  parse(arguments)


def test_the_networks_are_those_of_the_tables():
  own = [name for name in NETWORKS if networks.own_conditioning(name) != 'none']
  assert tuple(own) == USING_LABELS
  for name in NETWORKS:
    multiple = between_stages.SIZE_MULTIPLES.get(name, 4)
    assert networks._NETWORKS[name].size_multiple == multiple
