"""What a developer asks of each file: how large, how fast, how good."""

import dataclasses
import gzip
import hashlib
import pathlib
import platform
import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from mobile import verify
from mobile.gan_info import GanInfo

_WARM_UP_RUNS, _RUNS = 10, 100
_CPU_INFO = pathlib.Path('/proc/cpuinfo')
_QUALITY = {  # check of validation.json: name here
  'min_psnr_db': 'psnr_db',
  'min_label_agreement': 'label_agreement',
  'max_frechet_increase': 'frechet_increase',
  'max_level_difference': 'level_difference',
}


def of_file(path: pathlib.Path, sha256: str, validation: Mapping[str, Any]) -> dict[str, Any]:
  """The facts of one file.

  Args:
    path: .tflite file.
    sha256: golden.json's.
    validation: contents of validation.json.

  Raises:
    ValueError: the file's SHA-256 is another.
    KeyError: it was not validated.
  """
  model = path.read_bytes()
  digest = hashlib.sha256(model).hexdigest()
  if digest != sha256:
    raise ValueError(f'SHA-256 of {path.name} is {digest[:12]}…, not {sha256[:12]}…')
  checks = {entry['file']: entry['checks'] for entry in validation['models']}[path.name]
  return {
    'sha256': digest,
    'inside': verify.kind(model),
    'bytes': len(model),
    'gzip_bytes': len(gzip.compress(model, compresslevel=9, mtime=0)),
    'latency_ms': latency_ms(model),
    'quality': {
      _QUALITY[check['check']]: check['value'] for check in checks if check['check'] in _QUALITY
    },
  }


def latency_ms(model: bytes) -> float:
  """Median time of one picture on one thread, in ms.

  Args:
    model: a .tflite file's bytes.
  """
  interpreter = Interpreter(model_content=model, num_threads=1)
  interpreter.allocate_tensors()
  for detail in interpreter.get_input_details():
    interpreter.set_tensor(detail['index'], np.zeros(detail['shape'], detail['dtype']))
  times = []
  for _ in range(_WARM_UP_RUNS + _RUNS):
    start = time.perf_counter()
    interpreter.invoke()
    times.append(time.perf_counter() - start)
  return round(1e3 * statistics.median(times[_WARM_UP_RUNS:]), 3)


def machine() -> str:
  """The processor that the latencies were measured on."""
  lines = _CPU_INFO.read_text(encoding='utf-8').splitlines() if _CPU_INFO.is_file() else []
  names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
  return f'{names[0] if names else platform.processor() or "processor"} ({platform.machine()})'


def shared_info(info: GanInfo) -> dict[str, Any]:
  """GAN_INFO without what differs from file to file."""
  values = dataclasses.asdict(info)
  return {name: value for name, value in values.items() if not name.endswith('_coding')}
