"""Untrained pictures are a flat grey; normalised layers make every pixel depend on the latent."""

import numpy as np
import tf_keras


def lively(generator: tf_keras.Model, latents: np.ndarray, labels: np.ndarray) -> tf_keras.Model:
  """Gives each batch normalisation the statistics of these inputs."""
  for layer in generator.layers:
    if isinstance(layer, tf_keras.layers.BatchNormalization):
      layer.momentum = 0.0
  generator([latents, labels], training=True)
  return generator
