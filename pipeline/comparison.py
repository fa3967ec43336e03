"""Figures of exported pictures against golden ones, each beside its limit.

Legend: N samples, H height, W width, C channels.

A check is a dict, written to validation.json as it is: `check` (named as the limit is), `value`,
`limit`, `direction` ('min' or 'max', of the limit), `unit`, `passed`, and where one sample can be
named `worst_sample`, `worst_label` and `worst_value`. That of a model that could not be run has a
`message` instead.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mobile import psnr

Check = dict[str, Any]

WORDS = {  # for people, by the name of a check
  'max_float_difference': 'largest difference',
  'max_level_difference': 'largest difference of a pixel',
  'max_pixel_share_off': 'share of pixels off',
  'max_latent_share_off': "share of seeds' latents off",
  'max_score_difference': 'largest difference of an anomaly score relative to it',
  'max_redrawn_difference': 'largest difference of a reconstruction',
  'min_anomaly_auroc': 'area under the ROC curve of anomaly scores',
  'min_psnr_db': 'mean PSNR',
  'min_label_agreement': 'label agreement',
  'max_frechet_increase': 'increase of the Fréchet distance',
  'max_size_ratio': 'size as a share of the float32 file',
}
_WORSE_THAN_ANY = 1e30  # stands for a value that is not finite, which has no place in JSON


def check(name: str, value: float, limit: float, unit: str = '') -> Check:
  """One figure against its limit; a value that is not finite fails.

  Args:
    name: starts with 'min_' or 'max_', which say what the limit is.
    value: measured.
    limit: of the golden artifact.
    unit: shown after both.
  """
  direction, value = name[:3], float(value)
  if not math.isfinite(value):
    value = _WORSE_THAN_ANY if direction == 'max' else -_WORSE_THAN_ANY
  return {
    'check': name,
    'value': value,
    'limit': limit,
    'direction': direction,
    'unit': unit,
    'passed': bool(value >= limit if direction == 'min' else value <= limit),
  }


def is_finite(value: float) -> bool:
  """Whether a value in a check stands for itself."""
  return abs(value) < _WORSE_THAN_ANY


def largest(name: str, values: np.ndarray, limits: Mapping[str, float], unit: str = '') -> Check:
  """The largest of all differences `values` [N, ...] and the sample that has it."""
  per_sample = values.reshape(len(values), -1).max(axis=1)
  return _with_worst(check(name, per_sample.max(), limits[name], unit), per_sample, np.argmax)


def share_off(name: str, is_off: np.ndarray, limits: Mapping[str, float]) -> Check:
  """The share of true entries in `is_off` [N, ...] and the sample that has the most."""
  per_sample = is_off.reshape(len(is_off), -1).mean(axis=1)
  result = check(name, is_off.mean(), limits[name])
  return _with_worst(result, per_sample, np.argmax) if is_off.any() else result


def mean_psnr(pixels: np.ndarray, golden: np.ndarray, limits: Mapping[str, float]) -> Check:
  """The mean over samples of the PSNR and the sample that has the lowest."""
  per_sample = psnr_db(pixels, golden)
  result = check('min_psnr_db', per_sample.mean(), limits['min_psnr_db'], 'dB')
  return _with_worst(result, per_sample, np.argmin)


def psnr_db(pixels: np.ndarray, golden: np.ndarray) -> np.ndarray:
  """Peak signal-to-noise ratio of each sample.

  Args:
    pixels: uint8 [N, H, W, C].
    golden: uint8 [N, H, W, C].

  Returns:
    float64 [N], in dB; 99 for equal pictures.
  """
  squares = levels_apart(pixels, golden).astype(np.float64) ** 2
  return psnr.psnr_db(squares.mean(axis=(1, 2, 3)))


def levels_apart(pixels: np.ndarray, golden: np.ndarray) -> np.ndarray:
  """Grey levels between two pictures, uint8 [N, H, W, C]; int16 of the same shape."""
  return np.abs(pixels.astype(np.int16) - golden)


def _with_worst(result: Check, per_sample: np.ndarray, worst: Any) -> Check:
  index = int(worst(np.nan_to_num(per_sample, nan=np.inf)))
  value = float(per_sample[index])
  return result | {
    'worst_sample': index,
    'worst_value': value if math.isfinite(value) else _WORSE_THAN_ANY,
  }


def name_label(result: Check, labels: np.ndarray | None) -> Check:
  """Adds the label of the worst sample, if there is one."""
  if labels is None or 'worst_sample' not in result:
    return result
  return result | {'worst_label': int(labels[result['worst_sample']])}


def failures(validation: Mapping[str, Any]) -> list[str]:
  """One line for each failed check of a validation.json, naming the worst sample."""
  return [
    _failure(model['file'], result)
    for model in validation['models']
    for result in model['checks']
    if not result['passed']
  ]


def _failure(file: str, result: Check) -> str:
  if 'message' in result:
    return f'{file}: {result["message"]}'
  sign = '<' if result['direction'] == 'min' else '>'
  unit = f' {result["unit"]}' if result['unit'] else ''
  value, limit = _written(result['value']), _written(result['limit'])
  line = f'{file}: {WORDS[result["check"]]} {value}{unit} {sign} {limit}{unit}'
  if 'worst_sample' not in result:
    return line
  label = f'label {result["worst_label"]}, ' if 'worst_label' in result else ''
  worst = f'worst golden sample {result["worst_sample"]}'
  return f'{line}, {worst} ({label}{_written(result["worst_value"])}{unit})'


def _written(value: float) -> str:
  return f'{value:.4g}' if is_finite(value) else 'not finite'
