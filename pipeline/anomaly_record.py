"""What an export with the signature anomaly has on record, for stages that run no network.

Legend: N and M images, H height, W width, C channels.
"""

import dataclasses
import pathlib

import numpy as np

from pipeline import npz
from serving.replay import ANOMALY_SAMPLES

JSON_FILE = 'assets.extra/anomaly.json'


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
  """Images whose judgement every server must repeat."""

  pixels: np.ndarray  # uint8 [N, H, W, C]
  scores: np.ndarray  # float32 [N]
  reconstructions: np.ndarray  # float32 [N, H, W, C] in [0, 1]
  is_anomalous: np.ndarray  # bool [N]

  @classmethod
  def load(cls, saved_model: pathlib.Path) -> 'Samples | None':
    """Those of an exported model; None if it judges nothing.

    Raises:
      ArtifactError: the file is damaged.
    """
    path = saved_model / ANOMALY_SAMPLES
    if not path.is_file():
      return None
    with npz.opened(path, 'record of anomalies') as arrays:
      return cls(**{field.name: arrays[field.name] for field in dataclasses.fields(cls)})


def auroc(normal: np.ndarray, anomalous: np.ndarray) -> float:
  """The chance that an anomalous image has a larger score than a normal one; half where equal.

  Args:
    normal: [N] scores.
    anomalous: [M] scores.
  """
  ordered = np.sort(normal)
  below = np.searchsorted(ordered, anomalous, 'left') + np.searchsorted(ordered, anomalous, 'right')
  return float(below.mean() / (2 * len(ordered)))
