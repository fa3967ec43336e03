"""Source `mnist`: the full MNIST, from --data_dir or downloaded once and verified."""

from pipeline.config.ingest import IngestConfig
from pipeline.ingest import published_idx
from pipeline.ingest.download import Pin
from pipeline.ingest.source import Source

# Size and SHA-256 of the unpacked files. The .gz files in circulation hold the same content in
# several compressions, so it is the content that is pinned.
PUBLISHED = published_idx.PublishedIdx(
  name='mnist',
  title='MNIST',
  class_names=tuple('0123456789'),
  mirrors=(
    'https://ossci-datasets.s3.amazonaws.com/mnist',
    'https://storage.googleapis.com/cvdf-datasets/mnist',
  ),
  files={
    'train-images-idx3-ubyte.gz': Pin(
      num_bytes=47_040_016,
      sha256='ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      unpacked=True,
    ),
    'train-labels-idx1-ubyte.gz': Pin(
      num_bytes=60_008,
      sha256='65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      unpacked=True,
    ),
    't10k-images-idx3-ubyte.gz': Pin(
      num_bytes=7_840_016,
      sha256='0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      unpacked=True,
    ),
    't10k-labels-idx1-ubyte.gz': Pin(
      num_bytes=10_008,
      sha256='ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
      unpacked=True,
    ),
  },
)


def open_source(config: IngestConfig) -> Source:
  """Describes MNIST; see `published_idx.open_source`."""
  return published_idx.open_source(PUBLISHED, config)


def source_digest(config: IngestConfig) -> str:
  """SHA-256; see `published_idx.source_digest`."""
  return published_idx.source_digest(PUBLISHED, config)
