"""Settings that make no sense together are refused with a reason and a way out."""

import pytest
import tf_keras

from pipeline import errors, networks
from pipeline.config import combinations
from pipeline.config.export import ExportSavedModelConfig, ExportTfliteConfig
from pipeline.config.train import LOSSES as LOSS_NAMES
from pipeline.config.train import NETWORKS, TrainConfig
from pipeline.networks import ModelSpec
from pipeline.train.losses import LOSSES

REFUSED = [
  ({'loss': 'wasserstein', 'r1_gamma': 0.0}, 'only if the slope'),
  ({'clip_weights': 0.01}, 'pull against each other'),
  ({'clip_weights': 0.01, 'spectral_norm': True, 'r1_gamma': 0.0}, 'divides by its size'),
  ({'clip_value': 0.1, 'clip_norm': 1.0}, 'each in its way'),
  ({'wgan_gp_weight': 10.0, 'dragan_weight': 10.0}, 'the same slope'),
  ({'wgan_gp_weight': 10.0}, 'Keep one kind: --r1_gamma=0'),
  ({'r1_gamma': 0.0, 'r2_gamma': 1.0, 'dragan_weight': 10.0}, 'to 0, .* to 1'),
  ({'network': 'dcgan64'}, 'no image has a gradient of its own'),
  ({'minibatch': 'stddev', 'batch_size': 1}, 'no other image'),
  ({'minibatch': 'stddev', 'batch_size': 2, 'num_devices': 2}, 'no other image'),
  ({'batch_size': 1}, 'the image of every latent the same'),
  ({'batch_size': 2, 'num_devices': 2}, 'the image of every latent the same'),
  (
    {'batch_size': 64, 'num_devices': 3},
    'does not divide among 3 replicas. Choose a multiple of 3',
  ),
  ({'generator_learning_rate': 0.0}, 'teaches the generator nothing'),
  ({'discriminator_learning_rate': 0.0}, 'teaches the discriminator nothing'),
  ({'dropout': -0.5}, 'is no rate'),
  ({'augment': 'ada', 'ada_target': 1.0}, '--ada_target=1.0 '),
  ({'conditioning': 'auxiliary', 'auxiliary_weight': 0.0}, 'teaches nobody the labels'),
  ({'label_smoothing': 0.1}, 'no target to smooth in --loss=hinge'),
  ({'mismatch_weight': 0.1, 'conditioning': 'auxiliary'}, 'sees the label; .*=auxiliary does not'),
  ({'mismatch_weight': 0.1, 'network': 'mlp'}, 'that of --network=mlp .* does not'),
  ({'augment': 'ada', 'loss': 'relativistic'}, 'means nothing'),
  ({'discriminator_warmup_steps': 10, 'train_steps': 10}, 'leaves no step'),
  ({'profile_steps': '5:11', 'train_steps': 10}, 'ends after --train_steps=10'),
  ({'upsampling': 'antialiased'}, 'has its own way'),
  ({'network': 'dcgan', 'generator_width': 0.5}, 'those of its recipe'),
  ({'augment_operations': 'translation,flip'}, "'flip', which is not known"),
]
ACCEPTED = [
  {},
  {'loss': 'wasserstein', 'r1_gamma': 0.0, 'wgan_gp_weight': 10.0},
  {'r1_gamma': 0.1, 'r2_gamma': 0.1},
  {'loss': 'wasserstein', 'r1_gamma': 0.0, 'clip_weights': 0.01},
  {'loss': 'wasserstein', 'r1_gamma': 0.0, 'spectral_norm': True},
  {'network': 'dcgan64', 'r1_gamma': 0.0, 'spectral_norm': True},
  {'network': 'residual', 'batch_size': 1},
  {'label_smoothing': 0.1, 'loss': 'least_squares'},
  {'mismatch_weight': 0.1, 'conditioning': 'projection'},
  {'augment': 'ada', 'loss': 'non_saturating'},
  {'network': 'residual', 'upsampling': 'antialiased'},
  {'network': 'residual', 'generator_width': 2.0},
  {'profile_steps': '5:10', 'train_steps': 10},
]
IDLE = [
  ({'penalty_every_steps': 4}, {'r1_gamma': 0.0}),
  ({'auxiliary_weight': 2.0}, {'conditioning': 'projection'}),
  ({'instance_noise_steps': 10}, {}),
  ({'augment_operations': 'cutout'}, {}),
  ({'ada_target': 0.5}, {'augment': 'diffaugment'}),
  ({'ada_ramp_images': 1e6}, {'augment': 'diffaugment'}),
  ({'rmsprop_decay': 0.99}, {}),
  ({'clip_networks': 'discriminator'}, {}),
  ({'on_collapse': 'stop'}, {'min_spread_ratio': 0.0, 'min_class_entropy_ratio': 0.0}),
  ({'collapse_grace_steps': 10}, {'min_spread_ratio': 0.0, 'min_class_entropy_ratio': 0.0}),
]
AT_WORK = [
  {'penalty_every_steps': 4},
  {'penalty_every_steps': 4, 'r1_gamma': 0.0, 'dragan_weight': 1.0},
  {'auxiliary_weight': 2.0, 'conditioning': 'auxiliary'},
  {'instance_noise_steps': 10, 'instance_noise': 0.1},
  {'augment_operations': 'cutout', 'augment': 'diffaugment'},
  {'ada_target': 0.5, 'ada_ramp_images': 1e6, 'augment': 'ada'},
  {'rmsprop_decay': 0.99, 'optimizer': 'rmsprop'},
  {'clip_networks': 'discriminator', 'clip_value': 0.1},
  {'on_collapse': 'stop', 'collapse_grace_steps': 10, 'min_spread_ratio': 0.0},
]


@pytest.mark.parametrize(('settings', 'reason'), REFUSED)
def test_refused(settings, reason):
  with pytest.raises(errors.ConfigError, match=reason) as caught:
    TrainConfig(**settings)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('idle', 'others'), IDLE)
def test_a_setting_that_does_nothing_is_refused(idle, others):
  TrainConfig(**others)
  [name] = idle
  with pytest.raises(errors.ConfigError, match=f'--{name}=.* does nothing without') as caught:
    TrainConfig(**idle, **others)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('idle', 'at_work'), [({'sparsity': 0.5}, 'prune'), ({'num_clusters': 8}, 'cluster')]
)
def test_a_setting_of_another_compression_is_refused(idle, at_work):
  ExportTfliteConfig(**idle, compression=at_work)
  for compression in {'none', 'prune', 'cluster'} - {at_work}:
    with pytest.raises(errors.ConfigError, match=f'without --compression={at_work}'):
      ExportTfliteConfig(**idle, compression=compression)


@pytest.mark.parametrize('settings', ACCEPTED + AT_WORK, ids=str)
def test_accepted(settings):
  TrainConfig(**settings)


def test_names_are_those_of_the_tables():
  assert set(LOSS_NAMES) == set(LOSSES)
  assert {name for name, loss in LOSSES.items() if loss.has_target} == set(
    combinations._WITH_TARGET
  )


def batch_norms(model):
  layers = model._flatten_layers()
  return [layer for layer in layers if isinstance(layer, tf_keras.layers.BatchNormalization)]


def test_networks_that_normalise_are_known():
  in_discriminator, of_vectors = [], []
  for network in NETWORKS:
    spec = ModelSpec(
      network=network, latent_size=4, num_classes=0, class_names=(), image_shape=(32, 32, 1)
    )
    pair = networks.build(spec)
    if batch_norms(pair.discriminator):
      in_discriminator.append(network)
    if any(layer.input_spec.ndim == 2 for layer in batch_norms(pair.generator)):
      of_vectors.append(network)
  assert tuple(in_discriminator) == combinations._WITH_BATCH_NORM
  assert tuple(of_vectors) == combinations._NORMALISING_VECTORS


def test_a_fourth_signature_leaves_room_for_fewer_warmup_records():
  ExportSavedModelConfig(num_warmup_records=333)
  ExportSavedModelConfig(num_warmup_records=250, anomaly_steps=1)
  with pytest.raises(errors.ConfigError, match='Choose 250 or less'):
    ExportSavedModelConfig(num_warmup_records=251, anomaly_steps=1)
