"""golden.json: what the files of a bundle must make, so that an app can test itself on a phone.

Everything is in the one file: 16 latents (and labels), and for each model file its SHA-256 and the
pixels that LiteRT makes of them, one picture at a time. Byte strings are base64; numbers in them
are little endian, arrays row-major.

    {"golden_digest": "…", "latent_size": Z, "num_classes": K, "image_shape": [H, W, C],
     "latents": "…" (float32 [16, Z]), "labels": [16 ints] (only if K is not 0),
     "models": {"generator.tflite": {"sha256": "…", "pixels": "…" (uint8 [16, H, W, C]),
                                     "max_level_difference": 0}, …}}

On a CPU integer files are to be equal to the byte, floating point files within one level. ARM64
with SME is in doubt: emulated, it drew integer files wrongly (mobile/native/README.md). An app that
finds so takes generator_f16.tflite.
"""

import base64
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping

import numpy as np

from mobile import gan_info, replay, verify

FILE = 'golden.json'
NUM_SAMPLES = 16
_MAX_LEVEL_DIFFERENCE = 1  # of files that compute in floating point; integers are exact


@dataclasses.dataclass(frozen=True, eq=False)
class Expected:
  """What one file is and must make."""

  sha256: str
  pixels: np.ndarray  # uint8 [N, H, W, C]
  max_level_difference: int

  def check(self, name: str, model: bytes) -> None:
    """Refuses a file that is not this one.

    Raises:
      ValueError: its SHA-256 is another.
    """
    digest = hashlib.sha256(model).hexdigest()
    if digest != self.sha256:
      raise ValueError(f'SHA-256 of {name} is {digest[:12]}…, not {self.sha256[:12]}…')


@dataclasses.dataclass(frozen=True, eq=False)
class SelfTest:
  """golden.json."""

  latents: np.ndarray  # float32 [N, Z]
  labels: np.ndarray | None  # int32 [N]
  models: Mapping[str, Expected]  # by the file's name

  @classmethod
  def read(cls, path: pathlib.Path) -> 'SelfTest':
    """Reads a golden.json.

    Raises:
      OSError: it can't be read.
      ValueError: it is damaged.
    """
    try:
      contents = json.loads(path.read_text(encoding='utf-8'))
      latents = _array(contents['latents'], '<f4').reshape(-1, contents['latent_size'])
      labels = contents.get('labels')
      models = {
        name: Expected(
          entry['sha256'],
          _array(entry['pixels'], 'u1').reshape(len(latents), *contents['image_shape']),
          entry['max_level_difference'],
        )
        for name, entry in contents['models'].items()
      }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
      raise ValueError(f'{path.name} is damaged: {error!r}') from error
    return cls(latents, None if labels is None else np.array(labels, np.int32), models)


def write(bundle: pathlib.Path, latents: np.ndarray, labels: np.ndarray | None) -> None:
  """Writes golden.json for the .tflite files in a folder.

  Args:
    bundle: folder with at least one .tflite file; all have the same GAN_INFO but for codings.
    latents: float32 [N, Z]; the first 16 are taken.
    labels: int [N], or None for a generator without labels.

  Raises:
    ValueError: a file without GAN_INFO.
  """
  files = sorted(bundle.glob('*.tflite'))
  info = gan_info.read(files[0].read_bytes())
  latents = latents[:NUM_SAMPLES].astype('<f4')
  contents = {
    'golden_digest': info.golden_digest,
    'latent_size': info.latent_size,
    'num_classes': info.num_classes,
    'image_shape': info.image_shape,
    'latents': _base64(latents),
  }
  if labels is not None:
    labels = labels[:NUM_SAMPLES]
    contents['labels'] = labels.tolist()
  contents['models'] = {path.name: _expected(path, latents, labels) for path in files}
  (bundle / FILE).write_text(json.dumps(contents, indent=2) + '\n', encoding='utf-8')


def _expected(path: pathlib.Path, latents: np.ndarray, labels: np.ndarray | None) -> dict:
  model = path.read_bytes()
  pixels = replay.Generator(path).pixels(latents, labels)
  return {
    'sha256': hashlib.sha256(model).hexdigest(),
    'pixels': _base64(pixels),
    'max_level_difference': 0 if verify.kind(model) == 'int8' else _MAX_LEVEL_DIFFERENCE,
  }


def _base64(array: np.ndarray) -> str:
  return base64.b64encode(array.tobytes()).decode()


def _array(text: str, dtype: str) -> np.ndarray:
  return np.frombuffer(base64.b64decode(text), dtype)
