"""Inputs of a generator, drawn as in use. Legend: N samples, Z latent size."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from mobile import model_files


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
  """Samples from which the INT8 ranges are measured."""

  latents: np.ndarray  # float32 [N, Z]
  labels: np.ndarray | None = None  # int [N]; None for a generator without labels

  def __iter__(self) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Each sample as TFLite takes it."""
    for i, latent in enumerate(self.latents):
      sample = {'latent': latent[None]}
      if self.labels is not None:
        sample['label'] = self.labels[i : i + 1].astype(np.int32)
      yield model_files.SIGNATURE, sample

  @property
  def inputs(self) -> list[np.ndarray]:
    """All samples as Keras takes them."""
    return [self.latents] if self.labels is None else [self.latents, self.labels.astype(np.int32)]
