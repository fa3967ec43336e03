"""Source `cifar100`: 32 x 32 colour photographs of a hundred classes, the "fine" labels."""

from pipeline.config.ingest import IngestConfig
from pipeline.ingest import cifar
from pipeline.ingest.download import Pin
from pipeline.ingest.source import Source

_CLASS_NAMES = (  # noqa: SIM905 - a name a line would hide the rest
  'apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus'
  ' butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch'
  ' crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house'
  ' kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle'
  ' mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree'
  ' plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark'
  ' shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table'
  ' tank telephone television tiger tractor train trout tulip turtle wardrobe whale'
  ' willow_tree wolf woman worm'
).split()

# Layouts: https://www.cs.toronto.edu/~kriz/cifar.html, where the MD5s of the archives stand beside
# them (binary 03b5dce01913d631647c71ecec9e9cb8). Size and SHA-256: url_checksums/cifar100.txt of
# TensorFlow Datasets. Class names: fine_label_names.txt of the archive.
CIFAR100 = cifar.Cifar(
  name='cifar100',
  class_names=tuple(_CLASS_NAMES),
  num_labels=2,  # coarse, fine
  labels_key='fine_labels',
  layouts=(
    cifar.Layout(
      archive='cifar-100-binary.tar.gz',
      folder='cifar-100-binary',
      train=('train.bin',),
      test=('test.bin',),
      is_pickle=False,
    ),
    cifar.Layout(
      archive='cifar-100-python.tar.gz',
      folder='cifar-100-python',
      train=('train',),
      test=('test',),
      is_pickle=True,
    ),
  ),
  mirrors=('https://www.cs.toronto.edu/~kriz',),
  pin=Pin(
    num_bytes=168_513_733,
    sha256='58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
  ),
)


def open_source(config: IngestConfig) -> Source:
  """Describes CIFAR-100; see `cifar.open_source`."""
  return cifar.open_source(CIFAR100, config)


def source_digest(config: IngestConfig) -> str:
  """SHA-256; see `cifar.source_digest`."""
  return cifar.source_digest(CIFAR100, config)
