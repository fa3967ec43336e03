"""A generator and its discriminator as a SavedModel that TF Serving loads.

Legend: B batch, Z latent size, H height, W width, C channels, K classes.

Every input has a free first dimension, because request batching needs one, and no function is
compiled with XLA, because a server starts with XLA off. Shapes are checked inside the graph: TF
Serving does not check them, and a convolution of oneDNN that is given another rank ends the server.
"""

import functools
import pathlib
import shutil
from collections.abc import Callable

import tensorflow as tf
import tf_keras

from serving import anomaly

_Tensors = dict[str, tf.Tensor]


def export_saved_model(
  path: pathlib.Path,
  *,
  generator: tf_keras.Model,
  discriminator: tf_keras.Model,
  latents_from_seeds: Callable[[tf.Tensor, int], tf.Tensor],
  num_classes: int,
  encoder: tf_keras.Model | None = None,
  golden: pathlib.Path | None = None,
) -> None:
  """Writes the SavedModel.

  Signatures: `serving_default` (seed -> PNG), `from_latent` (latent -> images) and `score` (images
  -> logit); each takes a label too if `num_classes` is not 0. With an encoder there is `anomaly`
  (images -> how far they are from normal ones, and the nearest that the generator draws). The
  loaded object also has `latents`, a function from seeds to latents, which no server shows.

  Args:
    path: folder to write; may exist.
    generator: latents [B, Z] (, labels int32 [B]) -> images [B, H, W, C] in [-1, 1], float32.
    discriminator: images in [-1, 1] (, labels) -> logits [B].
    latents_from_seeds: int64 [B], Z -> float32 [B, Z].
    num_classes: K; 0 for a generator without labels.
    encoder: images in [-1, 1] -> latents [B, Z], float32; only for a generator without labels.
    golden: folder with golden.npz and golden.json, copied to assets.extra/.

  Raises:
    ValueError: a network that is not float32 or whose inputs do not fit `num_classes`.
  """
  for model in (generator, discriminator):
    _check(model, num_classes)
  names = ['serving_default', 'from_latent', 'score']
  module = _module(generator, discriminator, latents_from_seeds, num_classes)
  if encoder:
    if num_classes:
      raise ValueError('an encoder finds no labels (export_saved_model). Pass a generator without.')
    _check(encoder, num_classes)
    features = anomaly.features_of(discriminator)
    _add_anomaly(module, anomaly.Detector(generator, encoder, features))
    names.append('anomaly')
  signatures = {name: getattr(module, name).get_concrete_function() for name in names}
  tf.saved_model.save(module, str(path), signatures=signatures)
  if golden is not None:
    extra = path / 'assets.extra'
    extra.mkdir(exist_ok=True)
    for name in ('golden.npz', 'golden.json'):
      shutil.copyfile(golden / name, extra / name)


def _module(
  generator: tf_keras.Model,
  discriminator: tf_keras.Model,
  latents_from_seeds: Callable[[tf.Tensor, int], tf.Tensor],
  num_classes: int,
) -> tf.Module:
  latent_size = generator.inputs[0].shape[-1]
  batch_of_images = tf.TensorSpec([None, *discriminator.inputs[0].shape[1:]], tf.float32, 'images')
  label = [tf.TensorSpec([None], tf.int64, 'label')] if num_classes else []

  def to_latents(seed: tf.Tensor) -> tf.Tensor:
    return latents_from_seeds(seed, latent_size)

  def from_latent(latent: tf.Tensor, label: tf.Tensor | None = None) -> _Tensors:
    latent = tf.ensure_shape(latent, [None, latent_size])
    images = generator(_inputs(latent, label, num_classes), training=False)
    return {'images': (images + 1) / 2}

  def from_seed(seed: tf.Tensor, label: tf.Tensor | None = None) -> _Tensors:
    images = from_latent(to_latents(seed), label)['images']
    pixels = tf.cast(tf.round(images * 255), tf.uint8)
    return {'image_bytes': tf.io.encode_png(pixels)}

  def score(images: tf.Tensor, label: tf.Tensor | None = None) -> _Tensors:
    images = tf.ensure_shape(images, batch_of_images.shape) * 2 - 1
    return {'score': discriminator(_inputs(images, label, num_classes), training=False)}

  module = tf.Module(name='generator')
  # Variables alone are tracked: tracking the models would save every layer's functions beside them.
  module.generator_variables = list(generator.variables)
  module.discriminator_variables = list(discriminator.variables)
  seed = tf.TensorSpec([None], tf.int64, 'seed')
  latent = tf.TensorSpec([None, latent_size], tf.float32, 'latent')
  # Nothing in them is for AutoGraph, which takes longer than the tracing itself.
  function = functools.partial(tf.function, autograph=False)
  module.latents = function(to_latents, input_signature=[seed])
  module.serving_default = function(from_seed, input_signature=[seed, *label])
  module.from_latent = function(from_latent, input_signature=[latent, *label])
  module.score = function(score, input_signature=[batch_of_images, *label])
  return module


def _add_anomaly(module: tf.Module, detector: anomaly.Detector) -> None:
  shape = [None, *detector.encoder.inputs[0].shape[1:]]

  def judge(images: tf.Tensor) -> _Tensors:
    return detector(tf.ensure_shape(images, shape))

  module.encoder_variables = list(detector.encoder.variables)
  images = tf.TensorSpec(shape, tf.float32, 'images')
  module.anomaly = tf.function(judge, input_signature=[images], autograph=False)


def _inputs(x: tf.Tensor, label: tf.Tensor | None, num_classes: int) -> list[tf.Tensor]:
  """A network's inputs; refuses labels outside the classes, which would pass for a picture."""
  if label is None:
    return [x]
  message = f'label is outside the {num_classes} classes. Send labels from 0 to {num_classes - 1}.'
  label = tf.ensure_shape(label, [None])
  in_range = (label >= 0) & (label < num_classes)
  with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(in_range), [message, label])]):
    return [x, tf.cast(label, tf.int32)]


def _check(model: tf_keras.Model, num_classes: int) -> None:
  dtypes = {v.dtype.name for v in model.variables} | {model.compute_dtype}
  if dtypes != {'float32'}:
    raise ValueError(
      f'{model.name} computes in {", ".join(sorted(dtypes))} (export_saved_model).'
      ' Build it in float32 before the export.'
    )
  num_inputs = 2 if num_classes else 1
  if len(model.inputs) != num_inputs:
    raise ValueError(
      f'{model.name} has {len(model.inputs)} inputs but {num_classes} classes need {num_inputs}'
      ' (export_saved_model). Pass the num_classes that it was built with.'
    )
