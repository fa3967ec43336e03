"""tensorflow-model-optimization, imported without the warning that 0.8.1 raises about itself."""

import warnings

with warnings.catch_warnings():
  warnings.filterwarnings('ignore', 'distutils Version classes', DeprecationWarning)
  import tensorflow_model_optimization as tfmot

__all__ = ['tfmot']
