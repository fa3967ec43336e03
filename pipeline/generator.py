"""The trained generator as later stages see it: float32, outside any strategy."""

import dataclasses
import pathlib
import zipfile

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline import errors, networks
from pipeline.networks import ModelSpec

_BATCH_SIZE = 500  # images per call; larger batches only cost memory


@dataclasses.dataclass(frozen=True)
class Generator:
  """A generator with its discriminator and what is needed to call them."""

  spec: ModelSpec
  model: tf_keras.Model  # latents (, labels) -> [B, H, W, C] in [-1, 1]
  discriminator: tf_keras.Model  # images (, labels) -> [B]

  def images(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Makes images.

    Args:
      latents: [N, Z] float32.
      labels: [N] integers, or None for a generator without labels.

    Returns:
      [N, H, W, C] float32 in [0, 1].
    """
    call = tf.function(self.model, reduce_retracing=True)
    batches = []
    for start in range(0, len(latents), _BATCH_SIZE):
      inputs = [tf.constant(latents[start : start + _BATCH_SIZE])]
      if labels is not None and self.spec.is_conditional:
        inputs.append(tf.constant(labels[start : start + _BATCH_SIZE], tf.int32))
      batches.append((call(inputs, training=False).numpy() + 1) / 2)
    return np.concatenate(batches)


def to_pixels(images: np.ndarray) -> np.ndarray:
  """Rounds [0, 1] to uint8 grey levels, as every export does."""
  return np.round(images * 255).astype(np.uint8)


def save_snapshot(
  path: pathlib.Path, generator: list[np.ndarray], discriminator: list[np.ndarray]
) -> None:
  """Writes both networks' weights, in the order of `get_weights`, as npz (no pickle)."""
  arrays = {f'generator_{i:03}': w for i, w in enumerate(generator)}
  arrays |= {f'discriminator_{i:03}': w for i, w in enumerate(discriminator)}
  partial = path.with_suffix('.partial')
  with partial.open('wb') as file:
    np.savez(file, **arrays)  # type: ignore[arg-type]
  partial.replace(path)


def load_generator(train_dir: pathlib.Path, snapshot: str) -> Generator:
  """Rebuilds the networks of a train artifact from one of its snapshots.

  Args:
    train_dir: folder of the train artifact.
    snapshot: path of the snapshot inside it, such as 'snapshots/step-000500.npz'.

  Raises:
    ArtifactError: the snapshot is missing, damaged or of another network.
  """
  spec = ModelSpec.load(train_dir / 'model.json')
  pair = networks.build(spec)
  path = train_dir / snapshot
  try:
    with np.load(path, allow_pickle=False) as arrays:
      for name, model in (('generator', pair.generator), ('discriminator', pair.discriminator)):
        keys = sorted(key for key in arrays.files if key.startswith(name))
        model.set_weights([arrays[key] for key in keys])
  except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
    raise errors.ArtifactError(
      f'{path} is not a snapshot of {spec.network} ({error}). Run the train stage again.'
    ) from error
  return Generator(spec, pair.generator, pair.discriminator)
