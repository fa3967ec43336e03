"""The export_tflite stage: the chosen generator for phones."""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras

import mobile.compression
import mobile.convert
import mobile.distillation
import mobile.gan_info
import mobile.model_files
import mobile.qat
import mobile.self_test
import pipeline
from mobile.calibration import Calibration
from pipeline import chosen, dataset, errors
from pipeline.config.export import ExportTfliteConfig
from pipeline.console import Console
from pipeline.generator import Generator
from pipeline.golden import Golden
from pipeline.latents import latents_from_seeds

# Far from those of golden samples and of evaluation.
_CALIBRATION_SEEDS, _FINE_TUNING_SEEDS = 2**40, 2**41
_LEARNING_RATES = {'qat': 2e-5, 'prune': 5e-4, 'cluster': 1e-4}


def export_tflite(
  config: ExportTfliteConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
) -> None:
  """Writes the TFLite files; INT8 ranges and fine-tuning come from the latent distribution.

  Raises:
    ValidationError: a file that departs from the contract.
  """
  generator = chosen.load_generator(inputs)
  spec, golden = generator.spec, Golden.load(inputs['golden'])
  info = mobile.gan_info.GanInfo(
    latent_size=spec.latent_size,
    num_classes=spec.num_classes,
    class_names=spec.class_names,
    image_shape=spec.image_shape,
    version=pipeline.__version__,
    golden_digest=golden.digest,
    license=config.generator_license,
  )
  calibration = _calibration(config, generator, inputs['ingest'])
  try:
    mobile.convert.export_tflite(
      output,
      generator=generator.model,
      calibration=calibration,
      info=info,
      quantization=config.quantization,
      tuned=_tuned(config, generator, calibration, inputs['ingest'], console),
    )
  except mobile.convert.ConversionError as error:
    raise errors.ValidationError(str(error)) from error
  _check_size(output, config.max_int8_megabytes)
  mobile.self_test.write(output, golden.latents, golden.labels)
  for path in sorted(output.glob('*.tflite')):
    console.log(f'{path.name}: {path.stat().st_size / 1e6:.2f} MB')


def _check_size(output: pathlib.Path, max_megabytes: float) -> None:
  path = output / mobile.model_files.MAIN
  megabytes = path.stat().st_size / 1e6
  if megabytes > max_megabytes:
    raise errors.ValidationError(
      f'{path.name} has {megabytes:.2f} MB, more than --max_int8_megabytes={max_megabytes:g}'
      ' (export_tflite). Choose a smaller network, or allow more.'
    )


def _calibration(
  config: ExportTfliteConfig, generator: Generator, ingest: pathlib.Path
) -> Calibration:
  number = config.num_calibration_latents
  return _samples(number, _CALIBRATION_SEEDS + config.seed * number, generator, ingest, config.seed)


def _samples(
  number: int, first: int, generator: Generator, ingest: pathlib.Path, seed: int
) -> Calibration:
  """Latents as training draws them, and labels as often as the data has them."""
  seeds, K = tf.range(number, dtype=tf.int64) + first, generator.spec.num_classes
  latents = latents_from_seeds(seeds, generator.spec.latent_size).numpy()
  if not K:
    return Calibration(latents)
  counts = np.asarray(dataset.load_info(ingest).splits['train'].class_counts)
  labels = np.random.default_rng(seed).choice(K, number, p=counts / counts.sum())
  return Calibration(latents, labels)


def _tuned(
  config: ExportTfliteConfig,
  generator: Generator,
  calibration: Calibration,
  ingest: pathlib.Path,
  console: Console,
) -> tf_keras.Model | None:
  """The generator fine-tuned as the settings say; None if they ask for none."""
  kind = 'qat' if config.quantization == 'qat' else config.compression
  if kind == 'none':
    return None
  number = config.fine_tune_steps * mobile.distillation.BATCH_SIZE
  first = _FINE_TUNING_SEEDS + config.seed * number
  samples = _samples(number, first, generator, ingest, config.seed)
  with console.progress(f'fine-tune ({kind})', config.fine_tune_steps, 'steps') as progress:
    tuning = mobile.distillation.Tuning(
      generator.model,
      samples.inputs,
      config.fine_tune_learning_rate or _LEARNING_RATES[kind],
      lambda step, loss: progress.update(step, loss=loss),
    )
    match kind:
      case 'qat':
        return mobile.qat.tuned(tuning, calibration)
      case 'prune':
        return mobile.compression.pruned(tuning, config.sparsity)
      case _:
        return mobile.compression.clustered(tuning, config.num_clusters)
