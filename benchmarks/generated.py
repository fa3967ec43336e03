"""Images of a finished run, made by the SavedModel that it exported."""

import pathlib

import numpy as np
import tensorflow as tf

_BATCH_SIZE = 500


def images(run_dir: pathlib.Path, labels: np.ndarray) -> np.ndarray:
  """Makes an image for each label, from fresh normal latents.

  Args:
    run_dir: of the run.
    labels: int [N]; only their number counts for a generator without labels.

  Returns:
    uint8 [N, H, W, C].
  """
  model = tf.saved_model.load(str(run_dir / 'export_saved_model'))
  signature = model.signatures['from_latent']
  inputs = signature.structured_input_signature[1]
  size = inputs['latent'].shape[1]
  latents = np.random.default_rng(1).standard_normal([len(labels), size], np.float32)
  batches = []
  for start in range(0, len(labels), _BATCH_SIZE):
    here = slice(start, start + _BATCH_SIZE)
    fed = {'latent': tf.constant(latents[here])}
    if 'label' in inputs:
      fed['label'] = tf.constant(labels[here], inputs['label'].dtype)
    batches.append(signature(**fed)['images'])
  return np.round(np.concatenate(batches) * 255).astype(np.uint8)
