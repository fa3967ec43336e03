"""GAN_INFO: what an app must know of a generator, as JSON inside the model file itself."""

import dataclasses
import json
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile import flatbuffer, int8

METADATA_NAME = 'GAN_INFO'


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanInfo:
  """The generator in one file; the codings are those of that very file."""

  latent_size: int  # Z, drawn from the standard normal distribution
  num_classes: int  # K; 0: the model takes no label
  class_names: tuple[str, ...]
  image_shape: tuple[int, int, int]  # H, W, C
  version: str  # of forgeline
  golden_digest: str  # SHA-256 of golden.npz
  license: str = 'NOASSERTION'  # SPDX expression; SPDX's own word for none given
  # Stored latent = round(latent / scale) + zero_point. float32 inputs have scale 1, zero_point 0.
  latent_coding: dict[str, Any] = dataclasses.field(default_factory=dict)
  # Grey level on 0..255 = stored value + offset.
  pixel_coding: dict[str, Any] = dataclasses.field(default_factory=dict)


def attach(model: schema.ModelT, info: GanInfo) -> None:
  """Puts `info` into the model's metadata, in place of any older one.

  Args:
    model: changed in place.
    info: its codings are replaced by those of the model's own input and output.
  """
  info = dataclasses.replace(info, **_codings(model))
  text = json.dumps(dataclasses.asdict(info), ensure_ascii=False)
  entry = schema.MetadataT()
  entry.name, entry.buffer = METADATA_NAME, flatbuffer.add_buffer(model, text.encode())
  others = [m for m in model.metadata or [] if m.name != METADATA_NAME.encode()]
  model.metadata = [*others, entry]


def read(model: bytes) -> GanInfo:
  """The GAN_INFO of a .tflite file's bytes.

  Raises:
    ValueError: the bytes are no whole TFLite model, or one without a GAN_INFO of this version.
  """
  parsed = flatbuffer.parse(model)
  for entry in parsed.metadata or []:
    if entry.name == METADATA_NAME.encode():
      return _info(parsed.buffers[entry.buffer])
  raise ValueError(
    'the model has no GAN_INFO metadata. Use a file written by the export_tflite stage.'
  )


def _info(buffer: schema.BufferT) -> GanInfo:
  try:
    values = json.loads(np.asarray(buffer.data, np.uint8).tobytes())
    tuples = {key: tuple(values[key]) for key in ('class_names', 'image_shape')}
    return GanInfo(**values | tuples)
  except (ValueError, KeyError, TypeError) as error:
    raise ValueError(
      f"the model's GAN_INFO is not of this version ({type(error).__name__}: {error})."
      " Use a file written by this version's export_tflite stage."
    ) from error


def _codings(model: schema.ModelT) -> dict[str, Any]:
  tensors = flatbuffer.signature_tensors(model)
  latent, pixels = tensors['latent'], tensors['pixels']
  scale, zero_point = flatbuffer.quantisation(latent)
  offset = int8.GREY_OFFSET if pixels.type == schema.TensorType.INT8 else 0
  return {
    'latent_coding': {
      'dtype': flatbuffer.type_name(latent),
      'scale': scale,
      'zero_point': zero_point,
    },
    'pixel_coding': {'dtype': flatbuffer.type_name(pixels), 'offset': offset},
  }
