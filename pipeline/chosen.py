"""The snapshot that evaluate chose, for whatever comes after it."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import tf_keras

from pipeline import errors
from pipeline import generator as generators


def read_metrics(evaluate_dir: pathlib.Path) -> dict[str, Any]:
  """What evaluate measured; `snapshot` is the chosen one's path in the train artifact.

  Raises:
    ArtifactError: metrics.json is missing or does not tell.
  """
  path = evaluate_dir / 'metrics.json'
  try:
    metrics = json.loads(path.read_text(encoding='utf-8'))
    return metrics | {'snapshot': str(metrics['snapshot'])}
  except (OSError, ValueError, TypeError, KeyError) as error:
    problem = f'{type(error).__name__}: {error}'
    raise errors.ArtifactError(
      f'{path} does not tell which snapshot was chosen ({problem}). Run the evaluate stage again.'
    ) from error


def load_generator(inputs: Mapping[str, pathlib.Path]) -> generators.Generator:
  """The chosen generator, float32, outside any strategy.

  Args:
    inputs: artifacts train and evaluate.

  Raises:
    ArtifactError: one of them is damaged.
  """
  return generators.load_generator(inputs['train'], read_metrics(inputs['evaluate'])['snapshot'])


def load_discriminator(inputs: Mapping[str, pathlib.Path]) -> tf_keras.Model:
  """The discriminator of the same snapshot; arguments and errors are those of `load_generator`."""
  snapshot = read_metrics(inputs['evaluate'])['snapshot']
  return generators.load_discriminator(inputs['train'], snapshot)
