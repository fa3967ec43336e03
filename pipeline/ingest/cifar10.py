"""Source `cifar10`: 32 x 32 colour photographs of ten classes, from --data_dir or downloaded."""

from pipeline.config.ingest import IngestConfig
from pipeline.ingest import cifar
from pipeline.ingest.download import Pin
from pipeline.ingest.source import Source

_BATCHES = tuple(f'data_batch_{i}' for i in range(1, 6))

# Layouts: https://www.cs.toronto.edu/~kriz/cifar.html, where the MD5s of the archives stand beside
# them (binary c32a1d4ab5d03f1284b67883e8d87530). Size and SHA-256: url_checksums/cifar10.txt of
# TensorFlow Datasets.
CIFAR10 = cifar.Cifar(
  name='cifar10',
  class_names=(
    'airplane',
    'automobile',
    'bird',
    'cat',
    'deer',
    'dog',
    'frog',
    'horse',
    'ship',
    'truck',
  ),
  num_labels=1,
  labels_key='labels',
  layouts=(
    cifar.Layout(
      archive='cifar-10-binary.tar.gz',
      folder='cifar-10-batches-bin',
      train=tuple(f'{name}.bin' for name in _BATCHES),
      test=('test_batch.bin',),
      is_pickle=False,
    ),
    cifar.Layout(
      archive='cifar-10-python.tar.gz',
      folder='cifar-10-batches-py',
      train=_BATCHES,
      test=('test_batch',),
      is_pickle=True,
    ),
  ),
  mirrors=('https://www.cs.toronto.edu/~kriz',),
  pin=Pin(
    num_bytes=170_052_171,
    sha256='c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
  ),
)


def open_source(config: IngestConfig) -> Source:
  """Describes CIFAR-10; see `cifar.open_source`."""
  return cifar.open_source(CIFAR10, config)


def source_digest(config: IngestConfig) -> str:
  """SHA-256; see `cifar.source_digest`."""
  return cifar.source_digest(CIFAR10, config)
