"""What names a generator: enough to rebuild it anywhere from its weights."""

import dataclasses
import json
import pathlib
from typing import Any

from pipeline import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSpec:
  """The network pair and its shapes."""

  network: str  # a name in pipeline.networks
  latent_size: int  # Z
  num_classes: int  # K; 0 for a generator without labels
  class_names: tuple[str, ...]
  image_shape: tuple[int, int, int]  # H, W, C
  conditioning: str = 'per_class'  # how labels are used, if at all: pipeline.networks.heads
  dropout: float | None = None  # rate in the discriminator; None is the network's own
  spectral_norm: bool = False  # of the discriminator
  minibatch: str = 'none'  # 'stddev' or 'discrimination': how the discriminator sees the batch
  upsampling: str = 'depth_to_space'  # or 'antialiased', where the network leaves the choice
  generator_width: float = 1.0  # channels of its hidden layers over the network's own

  @property
  def is_conditional(self) -> bool:
    """Whether the generator takes a label."""
    return self.num_classes > 0

  def save(self, path: pathlib.Path) -> None:
    """Writes the spec as JSON."""
    path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + '\n', encoding='utf-8')

  @classmethod
  def of(cls, values: dict[str, Any]) -> 'ModelSpec':
    """From its fields as JSON has them."""
    lists = {name: tuple(values[name]) for name in ('class_names', 'image_shape')}
    return cls(**values | lists)

  @classmethod
  def load(cls, path: pathlib.Path) -> 'ModelSpec':
    """Reads what `save` wrote.

    Raises:
      ArtifactError: the file is missing or holds something else.
    """
    try:
      return cls.of(json.loads(path.read_text(encoding='utf-8')))
    except (OSError, ValueError, TypeError, KeyError) as error:
      raise errors.ArtifactError(
        f'{path} is not a model description ({error}). Run the train stage again.'
      ) from error
