"""A generator as TFLite files for phones: INT8, with float32 and float16 beside it.

Legend: Z latent size, H height, W width, C channels.

All files have one signature, `generate`: latent [1, Z] (, label int32 [1]) -> pixels [1, H, W, C],
and end in their own digest (`seal`).

| file                | latent  | inside  | pixels                           |
|---------------------|---------|---------|----------------------------------|
| generator.tflite    | float32 | int8    | uint8 grey levels                |
| generator_i8.tflite | int8    | int8    | int8; grey level = value + 128   |
| generator_f32.tflite| float32 | float32 | uint8 grey levels                |
| generator_f16.tflite| float32 | float16 | uint8 grey levels                |

That is with the quantisation `ptq` or `qat`. With `dynamic` generator.tflite has only its weights
in int8; with `float16` and `none` it is f16 or f32 again. These have no generator_i8.tflite.

The batch is fixed at 1: with a free one, CPU kernels fall back to slower ones. The INT8 graph ends
in tanh, whose output has scale 1/128 about zero by definition, so its bytes are the pixels without
any arithmetic; a graph that rescaled after tanh would take its scale from calibration.
"""

import pathlib
import tempfile

import tensorflow as tf
import tf_keras

from mobile import flatbuffer, gan_info, mending, model_files, native_log, verify
from mobile.calibration import Calibration
from mobile.gan_info import GanInfo

FILES = {
  'int8': model_files.MAIN,
  'i8': model_files.I8,
  'f32': model_files.F32,
  'f16': model_files.F16,
}
# What generator.tflite is, by the name of the quantisation.
KINDS = {'ptq': 'int8', 'qat': 'int8', 'dynamic': 'dynamic', 'float16': 'f16', 'none': 'f32'}
_INT8, _FLOAT = ('int8', 'i8'), ('f32', 'f16')
_KINDS_INSIDE = {'i8': 'int8'}  # as `verify.kind` names them


class ConversionError(Exception):
  """The converter failed, or what it made departs from the contract."""


def export_tflite(
  path: pathlib.Path,
  *,
  generator: tf_keras.Model,
  calibration: Calibration,
  info: GanInfo,
  quantization: str = 'ptq',
  tuned: tf_keras.Model | None = None,
) -> None:
  """Writes the files.

  Args:
    path: existing folder.
    generator: latents [B, Z] (, labels int32 [B]) -> images [B, H, W, C] in [-1, 1], float32; its
      last operation is tanh.
    calibration: a few hundred samples.
    info: written into each file's metadata.
    quantization: of generator.tflite, a key of `KINDS`.
    tuned: for the 8-bit files in place of `generator`; needed for `qat`.

  Raises:
    ConversionError: a file could not be made as promised; the message says why.
  """
  models = dict(zip(_FLOAT, _convert(_FLOAT, generator, calibration, info), strict=True))
  kind = KINDS[quantization]
  if kind not in models:
    kinds = _INT8 if kind == 'int8' else (kind,)
    models |= zip(kinds, _convert(kinds, tuned or generator, calibration, info), strict=True)
  (path / model_files.MAIN).write_bytes(models[kind])
  for other in (*_FLOAT, 'i8'):
    if other in models:
      (path / FILES[other]).write_bytes(models[other])


def convert(kind: str, generator: tf_keras.Model, calibration: Calibration, info: GanInfo) -> bytes:
  """One file's bytes, verified; `kind` is a key of `FILES`, or 'dynamic'. See `export_tflite`."""
  return _convert((kind,), generator, calibration, info)[0]


def _convert(
  kinds: tuple[str, ...], generator: tf_keras.Model, calibration: Calibration, info: GanInfo
) -> list[bytes]:
  """Files that are all integer inside or all not: one SavedModel serves them."""
  with tempfile.TemporaryDirectory() as folder:
    _save(folder, generator, rescales=kinds[0] not in _INT8)
    return [_finished(kind, folder, calibration, info) for kind in kinds]


def _finished(kind: str, saved_model: str, calibration: Calibration, info: GanInfo) -> bytes:
  """One file from the SavedModel."""
  converter = tf.lite.TFLiteConverter.from_saved_model(
    saved_model, signature_keys=[model_files.SIGNATURE]
  )
  _configure(converter, kind, calibration)
  parsed = mending.mended(_run(converter, kind))
  gan_info.attach(parsed, info)
  model = flatbuffer.pack(parsed)
  with native_log.caught():  # verify runs the interpreter
    found = verify.problems(
      model,
      latent_size=info.latent_size,
      num_classes=info.num_classes,
      image_shape=info.image_shape,
      io_types=verify.INT8_IO if kind == 'i8' else verify.FLOAT_IO,
      is_int8=kind in _INT8,
    )
  if not found and verify.kind(model) != _KINDS_INSIDE.get(kind, kind):
    found = [f'it is {verify.kind(model)} inside']
  if found:
    raise ConversionError(
      f'{FILES.get(kind, model_files.MAIN)} is not as promised: {"; ".join(found)} (convert).'
    )
  return model


def _save(folder: str, generator: tf_keras.Model, rescales: bool) -> None:
  """The generator as a SavedModel with the one signature, at batch 1."""

  def generate(latent: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
    images = generator([latent] if label is None else [latent, label], training=False)
    if rescales:
      images = tf.cast(tf.round((images + 1) * 127.5), tf.uint8)
    return {'pixels': images}

  specs = [tf.TensorSpec([1, generator.inputs[0].shape[-1]], tf.float32, 'latent')]
  if len(generator.inputs) == 2:
    specs.append(tf.TensorSpec([1], tf.int32, 'label'))
  module = tf.Module()
  module.generator_variables = list(generator.variables)
  module.generate = tf.function(generate, input_signature=specs, autograph=False)
  signatures = {model_files.SIGNATURE: module.generate.get_concrete_function()}
  tf.saved_model.save(module, folder, signatures=signatures)


def _configure(converter: tf.lite.TFLiteConverter, kind: str, calibration: Calibration) -> None:
  if kind == 'f32':
    return
  converter.optimizations = [tf.lite.Optimize.DEFAULT]
  if kind == 'f16':
    converter.target_spec.supported_types = [tf.float16]
  if kind not in _INT8:
    return
  converter.representative_dataset = lambda: iter(calibration)
  converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
  types = (tf.int8, tf.int8) if kind == 'i8' else (tf.float32, tf.uint8)
  converter.inference_input_type, converter.inference_output_type = types


def _run(converter: tf.lite.TFLiteConverter, kind: str) -> bytes:
  with native_log.caught() as log:
    try:
      return converter.convert()
    except Exception as error:
      log.seek(0)
      said = [*str(error).splitlines(), *log.read().decode(errors='replace').splitlines()]
      reason = next((line.strip() for line in said if line.strip()), type(error).__name__)
      name = FILES.get(kind, model_files.MAIN)
      raise ConversionError(f'{name} could not be converted: {reason} (convert).') from error
