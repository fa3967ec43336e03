"""What the page must draw."""

import base64
import json
import pathlib

import numpy as np

from mobile import replay
from pipeline.latents import latents_from_seeds


def expected(
  bundle: pathlib.Path, seeds: list[int], labels: list[int], file: str = 'generator.tflite'
) -> np.ndarray:
  """What Python makes of seeds and labels: uint8 [N, H, W, C]."""
  latents = latents_from_seeds(np.array(seeds), 100).numpy()
  return replay.Generator(bundle / file).pixels(latents, np.array(labels))


def spoil(golden_path: pathlib.Path, file: str) -> None:
  """Makes one pixel of one golden picture another."""
  golden = json.loads(golden_path.read_text())
  pixels = bytearray(base64.b64decode(golden['models'][file]['pixels']))
  pixels[3 * 28 * 28 + 400] ^= 0x40
  golden['models'][file]['pixels'] = base64.b64encode(pixels).decode()
  golden_path.write_text(json.dumps(golden))
