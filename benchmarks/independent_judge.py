"""A digit classifier that the pipeline never sees, to check what its own judge says.

Another architecture, another training and other code than pipeline/evaluate's: agreement of both is
evidence that a figure is about the digits and not about one network.
"""

import numpy as np
import tensorflow as tf
import tf_keras

L = tf_keras.layers
_EPOCHS_60K = 5  # of MNIST's 60,000 images; smaller sets get as many steps
_BATCH_SIZE = 256


class IndependentJudge:
  """A LeNet with wide layers, batch normalisation and small random shifts."""

  def __init__(self, images: np.ndarray, labels: np.ndarray, num_classes: int = 10) -> None:
    """Trains on uint8 [N, 28, 28, 1] and int [N]."""
    tf_keras.utils.set_random_seed(20_240_717)
    self._model = _network(num_classes)
    steps = _EPOCHS_60K * 60_000 // _BATCH_SIZE
    batches = (
      tf.data.Dataset.from_tensor_slices((images.astype(np.float32) / 255, labels))
      .shuffle(len(images), seed=0)
      .repeat()
      .batch(_BATCH_SIZE)
      .prefetch(2)
    )
    rate = tf_keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    self._model.compile(tf_keras.optimizers.Adam(rate), loss)
    self._model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0)

  def probabilities(self, images: np.ndarray) -> np.ndarray:
    """[N, K] for uint8 [N, 28, 28, 1]."""
    logits = self._model.predict(images.astype(np.float32) / 255, batch_size=1000, verbose=0)
    return tf.nn.softmax(logits).numpy()

  def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of `images` read as labelled."""
    return float(np.mean(self.probabilities(images).argmax(axis=1) == labels))


def _network(num_classes: int) -> tf_keras.Model:
  return tf_keras.Sequential(
    [
      tf_keras.Input([28, 28, 1]),
      L.RandomTranslation(0.07, 0.07, fill_mode='constant'),
      L.Conv2D(32, 5, padding='same', activation='relu'),
      L.MaxPool2D(),
      L.BatchNormalization(),
      L.Conv2D(64, 5, padding='same', activation='relu'),
      L.MaxPool2D(),
      L.BatchNormalization(),
      L.Flatten(),
      L.Dense(256, activation='relu'),
      L.Dropout(0.4),
      L.Dense(num_classes),
    ]
  )
