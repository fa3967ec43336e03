"""Source `fashion_mnist`: articles of clothing, arXiv:1708.07747; from --data_dir or downloaded."""

from pipeline.config.ingest import IngestConfig
from pipeline.ingest import published_idx
from pipeline.ingest.download import Pin
from pipeline.ingest.source import Source

# Class names and MD5s: tables of https://github.com/zalandoresearch/fashion-mnist. Sizes and
# SHA-256 of the same .gz files: url_checksums/fashion_mnist.txt of TensorFlow Datasets.
PUBLISHED = published_idx.PublishedIdx(
  name='fashion_mnist',
  title='Fashion-MNIST',
  class_names=(
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ),
  mirrors=(
    'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion',
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com',
  ),
  files={
    'train-images-idx3-ubyte.gz': Pin(  # MD5 8d4fb7e6c68d591d4c3dfef9ec88bf0d
      num_bytes=26_421_880,
      sha256='3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
    ),
    'train-labels-idx1-ubyte.gz': Pin(  # MD5 25c81989df183df01b3e8a0aad5dffbe
      num_bytes=29_515,
      sha256='a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
    ),
    't10k-images-idx3-ubyte.gz': Pin(  # MD5 bef4ecab320f06d8554ea6380940ec79
      num_bytes=4_422_102,
      sha256='346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
    ),
    't10k-labels-idx1-ubyte.gz': Pin(  # MD5 bb300cfdad3c16e7a12a480ee83cd310
      num_bytes=5_148,
      sha256='67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
    ),
  },
)


def open_source(config: IngestConfig) -> Source:
  """Describes Fashion-MNIST; see `published_idx.open_source`."""
  return published_idx.open_source(PUBLISHED, config)


def source_digest(config: IngestConfig) -> str:
  """SHA-256; see `published_idx.source_digest`."""
  return published_idx.source_digest(PUBLISHED, config)
