"""What a developer asks of each file: how large, how fast, how good."""

import dataclasses
import gzip
import pathlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from mobile import latency, verify
from mobile.gan_info import GanInfo
from mobile.self_test import SelfTest

_CPU_INFO = pathlib.Path('/proc/cpuinfo')
_QUALITY = {  # check of validation.json: name here
  'min_psnr_db': 'psnr_db',
  'min_label_agreement': 'label_agreement',
  'max_frechet_increase': 'frechet_increase',
  'max_level_difference': 'level_difference',
}


def of_files(
  paths: Sequence[pathlib.Path], golden: SelfTest, validation: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
  """The facts of each file, by its name.

  Args:
    paths: .tflite files.
    golden: what golden.json tells of them.
    validation: contents of validation.json.

  Raises:
    ValueError: a file's SHA-256 is another.
    KeyError: one was not validated.
  """
  models = {path.name: path.read_bytes() for path in paths}
  for name, model in models.items():
    golden.models[name].check(name, model)
  checks = {entry['file']: entry['checks'] for entry in validation['models']}
  times_ms = latency.milliseconds(models)
  return {
    name: {
      'sha256': golden.models[name].sha256,
      'inside': verify.kind(model),
      'bytes': len(model),
      'gzip_bytes': len(gzip.compress(model, compresslevel=9, mtime=0)),
      'latency_ms': round(times_ms[name], 3),
      'quality': _quality(checks[name]),
    }
    for name, model in models.items()
  }


def _quality(checks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
  return {
    _QUALITY[check['check']]: check['value'] for check in checks if check['check'] in _QUALITY
  }


def machine() -> str:
  """The processor that the latencies were measured on."""
  lines = _CPU_INFO.read_text(encoding='utf-8').splitlines() if _CPU_INFO.is_file() else []
  names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
  return f'{names[0] if names else platform.processor() or "processor"} ({platform.machine()})'


def shared_info(info: GanInfo) -> dict[str, Any]:
  """GAN_INFO without what differs from file to file."""
  values = dataclasses.asdict(info)
  return {name: value for name, value in values.items() if not name.endswith('_coding')}
