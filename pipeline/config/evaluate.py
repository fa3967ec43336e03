"""The settings of the evaluate stage."""

import dataclasses

from pipeline.config.settings import Checked, seed_setting, setting


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
