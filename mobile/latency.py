"""The time that model files take for one picture, measured so that they can be compared.

The files take turns in rounds: what else the machine does, and how warm it is, befalls all alike.
"""

import statistics
import time
from collections.abc import Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter

_ROUNDS, _ROUND_IMAGES = 60, 10
_LONGEST_S = 2.0  # of large generators as many rounds as that has time for, one at least


def milliseconds(models: Mapping[str, bytes]) -> dict[str, float]:
  """Time of one picture on one thread: the mean of each round, and their median.

  Args:
    models: contents of .tflite files, by name.
  """
  interpreters = {name: _ready(model) for name, model in models.items()}
  times: dict[str, list[float]] = {name: [] for name in models}
  end_s = time.monotonic() + _LONGEST_S
  for index in range(_ROUNDS):
    if index and time.monotonic() > end_s:
      break
    for name, interpreter in interpreters.items():
      start_s = time.perf_counter()
      for _ in range(_ROUND_IMAGES):
        interpreter.invoke()
      times[name].append((time.perf_counter() - start_s) * 1e3 / _ROUND_IMAGES)
  return {name: statistics.median(found) for name, found in times.items()}


def _ready(model: bytes) -> Interpreter:
  """Has made its first picture, which takes longer."""
  interpreter = Interpreter(model_content=model, num_threads=1)
  interpreter.allocate_tensors()
  for details in interpreter.get_input_details():
    interpreter.set_tensor(details['index'], np.zeros(details['shape'], details['dtype']))
  interpreter.invoke()
  return interpreter
