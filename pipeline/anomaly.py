"""What a generator of normal images alone says of images: fitted, measured, and put on record.

Legend: N images, H height, W width, C channels.
"""

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from pipeline import dataset, encoding, errors
from pipeline.anomaly_record import JSON_FILE, auroc
from pipeline.config.export import ExportSavedModelConfig
from pipeline.config.ingest import ANOMALOUS
from pipeline.console import Console
from pipeline.generator import Generator
from serving.anomaly import Detector, features_of
from serving.replay import ANOMALY_SAMPLES

_NORMAL_ABOVE = 0.01  # share of normal images that the threshold takes for anomalous
_NUM_SAMPLES = 8  # of normal images, and as many anomalous ones
_HELD_OUT = 10  # one in as many images of data without a test split
_BATCH_SIZE = 256


def fit(
  config: ExportSavedModelConfig,
  generator: Generator,
  discriminator: tf_keras.Model,
  ingest: pathlib.Path,
  console: Console,
) -> Detector:
  """A detector for the generator, from the images that it was trained on.

  Args:
    config: how long, and from which seed.
    generator: of the chosen snapshot.
    discriminator: of the same.
    ingest: the ingest artifact.
    console: shows progress.

  Raises:
    ConfigError: a generator that asks for labels, which an image does not tell.
  """
  if generator.spec.is_conditional:
    raise errors.ConfigError(
      f'--anomaly_steps={config.anomaly_steps} (ExportSavedModelConfig) needs a generator without'
      ' labels. Train with --conditioning=none, or name --normal_classes.'
    )
  encoder = encoding.fit_encoder(
    generator, discriminator, _fitted(ingest), config.anomaly_steps, config.seed, console
  )
  return Detector(generator.model, encoder, features_of(discriminator))


def _num_held_out(info: dataset.DatasetInfo) -> int:
  """Training images to measure by instead of to fit: none where there is a test split."""
  return 0 if 'test' in info.splits else max(1, info.splits['train'].num_images // _HELD_OUT)


def _fitted(ingest: pathlib.Path) -> np.ndarray:
  """Normal images to fit by."""
  info = dataset.load_info(ingest)
  rest = range(_num_held_out(info), info.splits['train'].num_images)
  return dataset.load_split(ingest, 'train', rest)[0]


def _measured(ingest: pathlib.Path) -> np.ndarray:
  """Normal images to measure by, none of them fitted."""
  number = _num_held_out(dataset.load_info(ingest))
  if number:
    return dataset.load_split(ingest, 'train', range(number))[0]
  return dataset.load_split(ingest, 'test')[0]


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
  """Images and what the detector says of them."""

  pixels: np.ndarray  # uint8 [N, H, W, C]
  scores: np.ndarray  # float32 [N]
  reconstructions: np.ndarray  # float32 [N, H, W, C] in [0, 1]

  @classmethod
  def by(cls, detector: Detector, pixels: np.ndarray) -> 'Judged':
    """Has all judged; none is fine."""
    judge = tf.function(detector, reduce_retracing=True, autograph=False)
    answers = [
      judge(tf.constant(pixels[start : start + _BATCH_SIZE] / 255, tf.float32))
      for start in range(0, len(pixels), _BATCH_SIZE)
    ]
    shape = pixels.shape
    return cls(
      pixels,
      np.concatenate([a['anomaly_score'].numpy() for a in answers] or [np.empty(0, np.float32)]),
      np.concatenate(
        [a['reconstruction'].numpy() for a in answers] or [np.empty(shape, np.float32)]
      ),
    )


def record(detector: Detector, ingest: pathlib.Path, output: pathlib.Path) -> dict[str, Any]:
  """Judges images that the encoder was not fitted to; writes figures and samples.

  Args:
    detector: as `fit` makes it.
    ingest: the ingest artifact.
    output: the SavedModel's folder; gets assets.extra/anomaly.json and anomaly.npz.

  Returns:
    What is in anomaly.json: `num_normal`, `num_anomalous`; `auroc`, None without anomalous images;
    `threshold`, above which are `normal_above` of the normal and `anomalous_above` of the
    anomalous images.
  """
  normal = Judged.by(detector, _measured(ingest))
  pixels = normal.pixels[:0]
  if ANOMALOUS in dataset.load_info(ingest).splits:
    pixels, _ = dataset.load_split(ingest, ANOMALOUS)
  anomalous = Judged.by(detector, pixels)
  threshold = float(np.quantile(normal.scores, 1 - _NORMAL_ABOVE))
  is_measured = len(anomalous.scores) > 0
  facts = {
    'num_normal': len(normal.scores),
    'num_anomalous': len(anomalous.scores),
    'auroc': auroc(normal.scores, anomalous.scores) if is_measured else None,
    'threshold': threshold,
    'normal_above': float(np.mean(normal.scores > threshold)),
    'anomalous_above': float(np.mean(anomalous.scores > threshold)) if is_measured else None,
  }
  (output / JSON_FILE).write_text(json.dumps(facts, indent=2) + '\n', encoding='utf-8')
  _save_samples(output / ANOMALY_SAMPLES, normal, anomalous)
  return facts


def _save_samples(path: pathlib.Path, normal: Judged, anomalous: Judged) -> None:
  parts = [(normal, False), (anomalous, True)]
  np.savez(
    path,
    pixels=np.concatenate([judged.pixels[:_NUM_SAMPLES] for judged, _ in parts]),
    scores=np.concatenate([judged.scores[:_NUM_SAMPLES] for judged, _ in parts]),
    reconstructions=np.concatenate([j.reconstructions[:_NUM_SAMPLES] for j, _ in parts]),
    is_anomalous=np.repeat(
      [is_anomalous for _, is_anomalous in parts],
      [min(_NUM_SAMPLES, len(judged.scores)) for judged, _ in parts],
    ),
  )
