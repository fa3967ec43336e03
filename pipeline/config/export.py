"""The settings of the stages that export."""

import dataclasses

from pipeline.config import combinations
from pipeline.config.settings import Checked, seed_setting, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSavedModelConfig(Checked):
  """The SavedModel for TF Serving."""

  num_warmup_records: int = setting(
    2, 'Warm-up records per signature; TF Serving reads 1,000 in all.', min=1, max=333
  )
  anomaly_steps: int = setting(
    0,
    'Steps, of 64 images each, in which an encoder learns to find the latents of images, for a'
    ' generator that knows normal images alone (--normal_classes). The SavedModel then has the'
    ' signature anomaly. 0 is off.',
    min=0,
  )
  seed: int = seed_setting()

  def __post_init__(self) -> None:
    super().__post_init__()
    combinations.check_export_saved_model(self)


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
