"""The settings of the golden stage."""

import dataclasses

from pipeline.config.settings import Checked, seed_setting, setting


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
    0.05,
    'Increase of the Frechet distance from float32 to INT8 images, over what evaluate reports.',
    min=0,
  )
  seed: int = seed_setting()
