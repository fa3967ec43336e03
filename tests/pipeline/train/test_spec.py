import pytest

from pipeline import errors
from pipeline.config.train import TrainConfig
from pipeline.dataset import DatasetInfo
from pipeline.train.spec import model_spec


def info(num_classes=3, channels=1):
  return DatasetInfo(
    name='pictures',
    image_shape=(28, 28, channels),
    num_classes=num_classes,
    class_names=tuple('abcdef'[:num_classes]),
    splits={},
    quarantined=0,
    source={},
  )


def test_labels_are_used_as_the_network_does_by_itself_or_as_asked():
  def conditioning(num_classes=3, **settings):
    spec = model_spec(TrainConfig(**settings), info(num_classes))
    assert spec.is_conditional == (spec.conditioning != 'none')
    assert len(spec.class_names) == spec.num_classes
    return spec.conditioning

  assert conditioning() == 'per_class'
  assert conditioning(num_classes=0) == 'none'
  assert conditioning(num_classes=1) == 'none'
  assert conditioning(network='mlp') == 'none'
  assert conditioning(network='mlp', conditioning='embedding') == 'embedding'


@pytest.mark.parametrize(
  ('settings', 'num_classes', 'message'),
  [
    ({'conditioning': 'projection'}, 0, '--conditioning=projection .* needs labels'),
    ({'mismatch_weight': 0.1}, 0, '--mismatch_weight=0.1 .* needs labels'),
    ({'augment': 'diffaugment', 'augment_operations': 'color'}, 3, 'leaves the grey images of'),
  ],
)
def test_what_the_data_can_not_serve_is_refused(settings, num_classes, message):
  with pytest.raises(errors.ConfigError, match=message):
    model_spec(TrainConfig(**settings), info(num_classes))


@pytest.mark.parametrize(
  ('operations', 'channels'), [('color', 3), ('translation,color', 1), ('cutout', 1)]
)
def test_an_augmentation_that_changes_images_is_accepted(operations, channels):
  config = TrainConfig(augment='diffaugment', augment_operations=operations)
  model_spec(config, info(channels=channels))
