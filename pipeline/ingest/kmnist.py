"""Source `kmnist`: cursive hiragana, Kuzushiji-MNIST, arXiv:1812.01718; a folder or a download."""

from pipeline.config.ingest import IngestConfig
from pipeline.ingest import published_idx
from pipeline.ingest.download import Pin
from pipeline.ingest.source import Source

# Class names: kmnist_classmap.csv of http://codh.rois.ac.jp/kmnist, in Latin letters. Sizes and
# SHA-256 of the .gz files: url_checksums/kmnist.txt of TensorFlow Datasets.
PUBLISHED = published_idx.PublishedIdx(
  name='kmnist',
  title='Kuzushiji-MNIST',
  class_names=('o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo'),
  mirrors=(
    'https://codh.rois.ac.jp/kmnist/dataset/kmnist',
    'http://codh.rois.ac.jp/kmnist/dataset/kmnist',
  ),
  files={
    'train-images-idx3-ubyte.gz': Pin(  # MD5 bdb82020997e1d708af4cf47b453dcf7
      num_bytes=18_165_135,
      sha256='51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4',
    ),
    'train-labels-idx1-ubyte.gz': Pin(  # MD5 e144d726b3acfaa3e44228e80efcd344
      num_bytes=29_497,
      sha256='e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17',
    ),
    't10k-images-idx3-ubyte.gz': Pin(  # MD5 5c965bf0a639b31b8f53240b1b52f4d7
      num_bytes=3_041_136,
      sha256='edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5',
    ),
    't10k-labels-idx1-ubyte.gz': Pin(  # MD5 7320c461ea6c1c855c0b718fb2a4b134
      num_bytes=5_120,
      sha256='20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c',
    ),
  },
)


def open_source(config: IngestConfig) -> Source:
  """Describes Kuzushiji-MNIST; see `published_idx.open_source`."""
  return published_idx.open_source(PUBLISHED, config)


def source_digest(config: IngestConfig) -> str:
  """SHA-256; see `published_idx.source_digest`."""
  return published_idx.source_digest(PUBLISHED, config)
