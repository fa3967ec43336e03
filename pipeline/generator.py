"""The trained networks as later stages see them: float32, outside any strategy."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline import networks, npz
from pipeline.networks import ModelSpec

_BATCH_SIZE = 500  # images per call; larger batches only cost memory


@dataclasses.dataclass(frozen=True)
class Generator:
  """A generator and what is needed to call it."""

  spec: ModelSpec
  model: tf_keras.Model  # latents (, labels) -> [B, H, W, C] in [-1, 1]

  @functools.cached_property
  def _call(self) -> Callable[[list[tf.Tensor]], tf.Tensor]:
    """The model as a graph, traced once for any batch size."""
    return tf.function(
      lambda inputs: self.model(inputs, training=False), reduce_retracing=True, autograph=False
    )

  def images(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Makes images.

    Args:
      latents: [N, Z] float32.
      labels: [N] integers, or None for a generator without labels.

    Returns:
      [N, H, W, C] float32 in [0, 1].
    """
    batches = []
    for start in range(0, len(latents), _BATCH_SIZE):
      inputs = [tf.constant(latents[start : start + _BATCH_SIZE])]
      if labels is not None and self.spec.is_conditional:
        inputs.append(tf.constant(labels[start : start + _BATCH_SIZE], tf.int32))
      batches.append((self._call(inputs).numpy() + 1) / 2)
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
  """Rebuilds the generator of a train artifact from one of its snapshots.

  Args:
    train_dir: folder of the train artifact.
    snapshot: path of the snapshot inside it, such as 'snapshots/step-000500.npz'.

  Raises:
    ArtifactError: the snapshot is missing, damaged or of another network.
  """
  spec = ModelSpec.load(train_dir / 'model.json')
  model = networks.build_generator(spec)
  _load(spec, model, 'generator', train_dir / snapshot)
  return Generator(spec, model)


def load_discriminator(train_dir: pathlib.Path, snapshot: str) -> tf_keras.Model:
  """Rebuilds the discriminator as it is exported, images (, labels) -> logits [B].

  Arguments and errors are those of `load_generator`.
  """
  spec = ModelSpec.load(train_dir / 'model.json')
  model = networks.build_discriminator(spec)
  _load(spec, model, 'discriminator', train_dir / snapshot)
  return networks.folded(spec, model)


def _load(spec: ModelSpec, model: tf_keras.Model, name: str, path: pathlib.Path) -> None:
  with npz.opened(path, f'snapshot of {spec.network}') as arrays:
    keys = sorted(key for key in arrays.files if key.startswith(name))
    model.set_weights([arrays[key] for key in keys])
