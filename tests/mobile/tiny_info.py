"""What model files tell of tests.serving.tiny_models' generator."""

from mobile.gan_info import GanInfo

INFO = GanInfo(
  latent_size=8,
  num_classes=3,
  class_names=('a', 'b', 'c'),
  image_shape=(8, 8, 1),
  version='0',
  golden_digest='0',
)
