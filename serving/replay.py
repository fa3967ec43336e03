"""Replays golden samples through a SavedModel, in a process of its own.

`python -m serving.replay --saved_model_dir=DIR --golden=golden.npz --out=out.npz` knows nothing but
the files: what it writes is what a server that loads DIR would answer. It compares nothing.
"""

import argparse
import pathlib
from typing import Any

import numpy as np

from serving import keras_free

ANOMALY_SAMPLES = 'assets.extra/anomaly.npz'  # of a model with the signature anomaly


def anomaly_samples(saved_model_dir: pathlib.Path) -> np.ndarray | None:
  """float32 [M, H, W, C] in [0, 1]: the images that an exported model judges in a replay."""
  path = saved_model_dir / ANOMALY_SAMPLES
  if not path.is_file():
    return None
  with np.load(path, allow_pickle=False) as arrays:
    return (arrays['pixels'] / 255).astype(np.float32)


def replay(saved_model_dir: pathlib.Path, golden: pathlib.Path) -> dict[str, Any]:
  """Runs golden samples in one batch, and every warm-up record.

  Args:
    saved_model_dir: exported by `serving.export`.
    golden: npz with seeds [N], latents [N, Z] and, for a conditional model, labels [N].

  Returns:
    latents: float32 [N, Z], from the seeds.
    images: float32 [N, H, W, C] in [0, 1], from the golden latents.
    pixels: uint8 [N, H, W, C], decoded from the PNGs of the seeds.
    num_warmup_records: int64, records that were answered.
    anomaly_scores, reconstructions: float32 [M] and [M, H, W, C], of the samples of a model with
      the signature anomaly.
  """
  import tensorflow as tf  # here, so that the program can do without Keras

  model = tf.saved_model.load(str(saved_model_dir))
  with np.load(golden, allow_pickle=False) as arrays:
    seeds, latents = tf.constant(arrays['seeds']), tf.constant(arrays['latents'])
    label = {'label': tf.constant(arrays['labels'])} if 'labels' in arrays.files else {}
  images = model.signatures['from_latent'](latent=latents, **label)['images']
  pngs = model.signatures['serving_default'](seed=seeds, **label)['image_bytes']
  return {
    'latents': model.latents(seeds).numpy(),
    'images': images.numpy(),
    'pixels': np.stack([tf.io.decode_png(png).numpy() for png in pngs]),
    'num_warmup_records': np.int64(_answer_warmup(model, saved_model_dir)),
    **_judged(model, anomaly_samples(saved_model_dir)),
  }


def _judged(model: Any, images: np.ndarray | None) -> dict[str, np.ndarray]:
  if images is None:
    return {}
  answer = model.signatures['anomaly'](images=images)
  return {
    'anomaly_scores': answer['anomaly_score'].numpy(),
    'reconstructions': answer['reconstruction'].numpy(),
  }


def _answer_warmup(model: Any, saved_model_dir: pathlib.Path) -> int:
  """Answers every warm-up record; one that fails raises, as it would block the load."""
  import tensorflow as tf

  from serving import warmup

  count = 0
  for request in warmup.read_warmup(saved_model_dir):
    inputs = {key: tf.constant(tf.make_ndarray(proto)) for key, proto in request.inputs.items()}
    model.signatures[request.model_spec.signature_name](**inputs)
    count += 1
  return count


def main() -> None:
  """Command line."""
  parser = argparse.ArgumentParser(description='Replays golden samples through a SavedModel.')
  for name in ('saved_model_dir', 'golden', 'out'):
    parser.add_argument(f'--{name}', type=pathlib.Path, required=True)
  arguments = parser.parse_args()
  np.savez(arguments.out, **replay(arguments.saved_model_dir, arguments.golden))


if __name__ == '__main__':
  keras_free.make()
  main()
