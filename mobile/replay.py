"""Replays golden samples through a TFLite file, in a process of its own.

`python -m mobile.replay --model=FILE --golden=golden.npz --out=out.npz` runs the file as a phone
does, one picture at a time. It compares nothing and needs no TensorFlow.
"""

import argparse
import pathlib

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from mobile import int8, model_files


class Generator:
  """A TFLite file as a function from latents to pixels."""

  def __init__(self, path: pathlib.Path) -> None:
    self._interpreter = Interpreter(str(path), num_threads=1)
    self._run = self._interpreter.get_signature_runner(model_files.SIGNATURE)
    self._latent = self._run.get_input_details()['latent']

  def pixels(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Grey levels.

    Args:
      latents: float32 [N, Z].
      labels: int [N], or None for a model that takes none.

    Returns:
      uint8 [N, H, W, C].
    """
    rows = []
    for i, latent in enumerate(latents):
      inputs = {'latent': self._coded(latent[None])}
      if labels is not None:
        inputs['label'] = labels[i : i + 1].astype(np.int32)
      rows.append(self._run(**inputs)['pixels'])
    pixels = np.concatenate(rows)
    return int8.grey_levels(pixels) if pixels.dtype == np.int8 else pixels

  def _coded(self, latent: np.ndarray) -> np.ndarray:
    """The latent as the input's type has it."""
    if self._latent['dtype'] != np.int8:
      return latent
    return int8.coded(latent, *self._latent['quantization'])


def main() -> None:
  """Command line."""
  parser = argparse.ArgumentParser(description='Replays golden samples through a TFLite file.')
  for name, help_text in (
    ('model', 'a .tflite file'),
    ('golden', 'npz with latents and, for a conditional model, labels'),
    ('out', 'npz to write: pixels and, with --extra, extra_pixels'),
  ):
    parser.add_argument(f'--{name}', type=pathlib.Path, required=True, help=help_text)
  parser.add_argument('--extra', type=pathlib.Path, help='npz with more latents and labels')
  arguments = parser.parse_args()
  generator = Generator(arguments.model)
  outputs = {'pixels': _replay(generator, arguments.golden)}
  if arguments.extra:
    outputs['extra_pixels'] = _replay(generator, arguments.extra)
  np.savez(arguments.out, **outputs)  # type: ignore[arg-type]


def _replay(generator: Generator, path: pathlib.Path) -> np.ndarray:
  with np.load(path, allow_pickle=False) as arrays:
    labels = arrays['labels'] if 'labels' in arrays.files else None
    return generator.pixels(arrays['latents'], labels)


if __name__ == '__main__':
  main()
