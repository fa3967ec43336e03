"""Runs a model in TFLite Micro; the only file that needs it, and it needs no other of ours.

`python player.py MODEL INPUTS OUTPUTS`, in an environment of its own: INPUTS is an npz of latents
(int8 [N, Z]) and, for a conditional model, labels (int32 [N]); OUTPUTS gets pixels (int8
[N, H, W, C]) and arena_bytes, the smallest arena that works.
"""

import os
import sys

import numpy as np
from tflite_micro.python.tflite_micro import runtime

_ALIGNMENT = 16
_MAX_ARENA = 1 << 26  # far above any microcontroller's


def main(model_file: str, inputs_file: str, outputs_file: str) -> None:
  """Plays all inputs in the smallest arena."""
  with open(model_file, 'rb') as file:  # noqa: PTH123
    model = file.read()
  with np.load(inputs_file) as inputs:
    rows = [inputs[name] for name in ('latents', 'labels') if name in inputs.files]
  arena_bytes = _smallest_arena(model)
  interpreter = _interpreter(model, arena_bytes)
  pixels = [_play(interpreter, row) for row in zip(*rows, strict=True)]
  np.savez(outputs_file, pixels=np.concatenate(pixels), arena_bytes=arena_bytes)


def _interpreter(model: bytes, arena_bytes: int) -> runtime.Interpreter:
  """Plans all memory: nothing is left to allocate when it runs."""
  return runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)


def _play(interpreter: runtime.Interpreter, row: tuple[np.ndarray, ...]) -> np.ndarray:
  """One picture; the latent is the int8 input, wherever the model has it."""
  for index in range(len(row)):
    wanted = interpreter.get_input_details(index)['dtype']
    value = next(value for value in row if value.dtype == wanted)
    interpreter.set_input(value.reshape(1, *value.shape), index)
  interpreter.invoke()
  return interpreter.get_output(0)


def _smallest_arena(model: bytes) -> int:
  """By bisection; the planner refuses an arena that is too small."""
  _interpreter(model, _MAX_ARENA)  # whatever this says is no matter of memory
  too_small, enough = 0, _MAX_ARENA
  while enough - too_small > _ALIGNMENT:
    middle = (too_small + enough) // (2 * _ALIGNMENT) * _ALIGNMENT
    if _is_enough(model, middle):
      enough = middle
    else:
      too_small = middle
  return enough


def _is_enough(model: bytes, arena_bytes: int) -> bool:
  """Tries in a child: out of memory at the wrong place, TFLite Micro crashes."""
  child = os.fork()
  if not child:
    try:
      _interpreter(model, arena_bytes)
      os._exit(0)
    except RuntimeError:
      os._exit(1)
  return os.waitpid(child, 0)[1] == 0


if __name__ == '__main__':
  main(*sys.argv[1:])
