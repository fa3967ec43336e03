"""TensorFlow without Keras: what serves a model needs none, and it is half of the import's time."""

import sys

_KERAS = ('keras', 'tf_keras')  # Keras 3, and what TF_USE_LEGACY_KERAS=1 has TensorFlow import


def make() -> None:
  """Has this process import TensorFlow without Keras; only for programs, before they import it."""
  for name in _KERAS:
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]
