"""Golden samples: seeds, latents and pictures that every export must reproduce.

Legend: N samples, Z latent size, K classes, H height, W width, C channels.
"""

import dataclasses
import hashlib
import io
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline import chosen, errors, latents
from pipeline import generator as generators
from pipeline.config.golden import GoldenConfig
from pipeline.console import Console

Tolerances = Mapping[str, Mapping[str, float]]  # by exported model and figure

_SEED_STRIDE = 1_000_000  # between the golden seeds of two runs with neighbouring --seed


def golden(
  config: GoldenConfig, inputs: Mapping[str, pathlib.Path], output: pathlib.Path, console: Console
) -> None:
  """Stage: golden samples of the snapshot that evaluate chose."""
  step = chosen.read_metrics(inputs['evaluate'])['step']
  make_golden(config, tolerances(config), chosen.load_generator(inputs), step, output)
  console.log(f'{config.num_golden_samples} golden samples of step {step}')


def tolerances(config: GoldenConfig) -> dict[str, dict[str, float]]:
  """The limits that travel with the samples."""
  return {
    'saved_model': {
      'max_float_difference': config.max_float_difference,  # on [0, 1]
      'max_pixel_share_off': config.max_pixel_share_off,
      'max_level_difference': 1,
      'max_latent_share_off': 0,  # a seed's latents agree bit for bit
      'max_score_difference': 1e-3,  # of an anomaly score, as a share of it
    },
    'tflite_f32': {'max_level_difference': 1},
    'tflite_f16': {'min_psnr_db': 40.0},
    'tflite_int8': {
      'min_psnr_db': config.min_int8_psnr_db,
      'min_label_agreement': config.min_int8_label_agreement,
      'max_frechet_increase': config.max_int8_frechet_increase,
      'max_size_ratio': 0.35,  # to the float32 file
    },
  }


def make_golden(
  config: GoldenConfig,
  tolerances: Tolerances,
  generator: generators.Generator,
  step: int,
  output: pathlib.Path,
) -> None:
  """Writes golden.npz and golden.json.

  Args:
    config: number of samples and seed.
    tolerances: limits for each exported model.
    generator: float32, built outside any strategy.
    step: training step of its weights.
    output: existing folder.
  """
  N = config.num_golden_samples
  seeds = config.seed * _SEED_STRIDE + np.arange(N, dtype=np.int64)
  latent_rows = latents.latents_from_seeds(tf.constant(seeds), generator.spec.latent_size).numpy()
  labels = balanced_labels(N, generator.spec.num_classes)
  images = generator.images(latent_rows, labels)
  arrays = {
    'seeds': seeds,
    'latents': latent_rows,
    'images': images,
    'pixels': generators.to_pixels(images),
  }
  if labels is not None:
    arrays['labels'] = labels
  np.savez(output / 'golden.npz', **arrays)
  digest = hashlib.sha256((output / 'golden.npz').read_bytes()).hexdigest()
  facts = {'num_samples': N, 'digest': digest, 'step': step, 'tolerances': tolerances}
  (output / 'golden.json').write_text(json.dumps(facts, indent=2) + '\n', encoding='utf-8')


def balanced_labels(num_samples: int, num_classes: int) -> np.ndarray | None:
  """Every class in turn: [N] int64; None for a generator without classes."""
  return np.arange(num_samples, dtype=np.int64) % num_classes if num_classes else None


@dataclasses.dataclass(frozen=True, eq=False)
class Golden:
  """The samples and their limits, as read from an artifact."""

  seeds: np.ndarray  # int64 [N]
  labels: np.ndarray | None  # int64 [N]; None for a generator without classes
  latents: np.ndarray  # float32 [N, Z]
  images: np.ndarray  # float32 [N, H, W, C] in [0, 1]
  pixels: np.ndarray  # uint8 [N, H, W, C]
  digest: str  # SHA-256 of golden.npz
  step: int
  tolerances: Tolerances

  @classmethod
  def load(cls, folder: pathlib.Path) -> 'Golden':
    """Reads a golden artifact.

    Args:
      folder: holds golden.npz and golden.json.

    Raises:
      ArtifactError: a file is missing, or its contents are not what golden.json says.
    """
    try:
      facts = json.loads((folder / 'golden.json').read_text(encoding='utf-8'))
      contents = (folder / 'golden.npz').read_bytes()
      digest = hashlib.sha256(contents).hexdigest()
      if digest != facts['digest']:
        raise ValueError(f'SHA-256 of golden.npz is {digest[:12]}…, not {facts["digest"][:12]}…')
      return cls(**_arrays(contents), **{k: facts[k] for k in ('digest', 'step', 'tolerances')})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
      raise errors.ArtifactError(
        f'{folder} holds no golden samples ({error}). Run the golden stage again.'
      ) from error


def _arrays(contents: bytes) -> dict[str, Any]:
  names = ('seeds', 'latents', 'images', 'pixels')
  with np.load(io.BytesIO(contents), allow_pickle=False) as arrays:
    labels = arrays['labels'] if 'labels' in arrays.files else None
    return {name: arrays[name] for name in names} | {'labels': labels}
