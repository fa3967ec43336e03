"""The export_saved_model stage: the chosen generator for TF Serving."""

import pathlib
from collections.abc import Mapping
from typing import Any

import serving.export
import serving.warmup
from pipeline import anomaly, chosen
from pipeline.config.export import ExportSavedModelConfig
from pipeline.console import Console
from pipeline.latents import latents_from_seeds


def export_saved_model(
  config: ExportSavedModelConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
) -> None:
  """Writes the SavedModel, with warm-up records and its golden samples.

  Raises:
    ConfigError: settings that ask of the generator what it is not.
  """
  generator, discriminator = chosen.load_generator(inputs), chosen.load_discriminator(inputs)
  detector = None
  if config.anomaly_steps:
    detector = anomaly.fit(config, generator, discriminator, inputs['ingest'], console)
  serving.export.export_saved_model(
    output,
    generator=generator.model,
    discriminator=discriminator,
    latents_from_seeds=latents_from_seeds,
    num_classes=generator.spec.num_classes,
    encoder=detector and detector.encoder,
    golden=inputs['golden'],
  )
  serving.warmup.write_warmup(output, config.num_warmup_records)
  names = 'serving_default, from_latent, score'
  if detector:
    names += ', anomaly'
    _log_anomaly(anomaly.record(detector, inputs['ingest'], output), console)
  console.log(f'SavedModel with signatures {names} in {output.parent}')


def _log_anomaly(facts: Mapping[str, Any], console: Console) -> None:
  line = f'anomaly normal={facts["num_normal"]} threshold={facts["threshold"]:.4g}'
  if facts['auroc'] is not None:
    line += (
      f' anomalous={facts["num_anomalous"]} auroc={facts["auroc"]:.4f}'
      f' found={facts["anomalous_above"]:.2%}'
    )
  console.log(line)
