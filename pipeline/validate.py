"""The validate stage: every exported model, run in a fresh process, against golden.

Everything is measured and written, whatever fails: `push` refuses, and the report shows by how much
and on which sample.

Legend: N samples, Z latent size, H height, W width, C channels.
"""

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from mobile import model_files
from pipeline import anomaly_record, chosen, comparison, dataset, latents, pictures, replays
from pipeline import generator as generators
from pipeline.comparison import Check
from pipeline.config.validate import ValidateConfig
from pipeline.console import Console
from pipeline.evaluate import classes, frechet
from pipeline.evaluate.feature_net import FeatureNet
from pipeline.evaluate.reference import Reference
from pipeline.evaluate.stage import FEATURE_NET_FILE, REFERENCE_FILE
from pipeline.golden import Golden
from serving import server_process

_FIRST_SEED = 4 << 48  # of the images behind the Frechet distance; evaluate's begin above them
_GRID_COLUMNS = 10
_NAMES = {'saved_model': 'saved_model', 'served': 'server'}  # others are named as their file


def validate(
  config: ValidateConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
) -> None:
  """Writes validation.json, golden.png and a picture grid for each exported model.

  Args:
    config: number of images behind the Frechet distance; limits come with golden, but for the
      area under the ROC curve.
    inputs: artifacts ingest, train, evaluate, golden, export_saved_model and export_tflite.
    output: existing folder.
    console: shows a line for each model.
  """
  golden = Golden.load(inputs['golden'])
  judge = Judge.make(inputs, config.num_int8_images)
  models = []
  with tempfile.TemporaryDirectory() as folder:
    extra = pathlib.Path(folder) / 'extra.npz'
    replays.save_samples(extra, judge.latents, judge.labels)
    validator = Validator(
      golden,
      inputs['golden'] / 'golden.npz',
      judge,
      extra,
      output,
      config.model_server_binary,
      config.min_anomaly_auroc,
    )
    for measure, path in _exports(validator, inputs):
      models.append(validator.model(measure, path))
      console.log(_summary(models[-1]))
  pictures.save_grid(output / 'golden.png', golden.pixels, _GRID_COLUMNS)
  passed = all(result['passed'] for model in models for result in model['checks'])
  server = server_process.program(config.model_server_binary)
  facts = {'passed': passed, 'server': server, 'models': models}
  text = json.dumps(facts, indent=2, allow_nan=False)
  (output / 'validation.json').write_text(text + '\n', encoding='utf-8')


Measured = tuple[list[Check], np.ndarray]  # checks, and the model's pixels of golden
Measure = Callable[[pathlib.Path], Measured]


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
  """What measures INT8 pictures beyond golden: float32 pictures of many latents, and the judge."""

  feature_net: FeatureNet
  reference: Reference
  run_distance: float  # Frechet distance that evaluate reports, of more images
  latents: np.ndarray  # float32 [N, Z]
  labels: np.ndarray | None  # int64 [N], in the proportions of the training split
  pixels: np.ndarray  # uint8 [N, H, W, C], of the float32 generator

  @classmethod
  def make(cls, inputs: Mapping[str, pathlib.Path], num_images: int) -> 'Judge':
    """Reads evaluate's judge and makes the pictures of the snapshot that it chose."""
    figures = chosen.read_metrics(inputs['evaluate'])['figures']
    generator = chosen.load_generator(inputs)
    feature_net = FeatureNet.load(inputs['evaluate'] / FEATURE_NET_FILE)
    seeds = tf.constant(_FIRST_SEED + np.arange(num_images, dtype=np.int64))
    rows = latents.latents_from_seeds(seeds, generator.spec.latent_size).numpy()
    labels = None
    if generator.spec.is_conditional:
      counts = dataset.load_info(inputs['ingest']).splits['train'].class_counts
      labels = classes.labels_in_proportion(np.array(counts), num_images, seed=0)
    return cls(
      feature_net,
      Reference.load(inputs['evaluate'] / REFERENCE_FILE, feature_net),
      figures[f'frechet_distance@{feature_net.tag}'],
      rows,
      labels,
      generators.to_pixels(generator.images(rows, labels)),
    )

  def read(self, pixels: np.ndarray) -> np.ndarray:
    """The class that the judge sees in each picture, int64 [N]."""
    return self.feature_net.probabilities(pixels).argmax(axis=1)

  def distance(self, pixels: np.ndarray) -> float:
    """Frechet distance from the reference."""
    gaussian = frechet.gaussian(self.feature_net.features(pixels))
    return frechet.frechet_distance(self.reference.gaussian, gaussian)


@dataclasses.dataclass(frozen=True, eq=False)
class Validator:
  """Golden, its file, and all else that exported models are measured with."""

  golden: Golden
  golden_file: pathlib.Path
  judge: Judge
  extra_file: pathlib.Path  # the judge's latents and labels
  output: pathlib.Path  # picture grids go here
  model_server_binary: str = ''
  min_anomaly_auroc: float = 0.0

  def model(self, measure: Measure, path: pathlib.Path) -> Any:
    """One model's entry of validation.json; a model that can't be run fails, too."""
    name = _NAMES.get(measure.__name__, path.stem)
    entry = {'name': name, 'file': 'server' if name == 'server' else path.name}
    try:
      checks, pixels = measure(path)
    except replays.ReplayError as error:
      failed = comparison.check('max_replay_errors', 1, 0) | {'message': str(error)}
      return entry | {'checks': [failed]}
    pictures.save_grid(self.output / f'{name}.png', pixels, _GRID_COLUMNS)
    named = [comparison.name_label(result, self.golden.labels) for result in checks]
    return entry | {'checks': named}

  def saved_model(self, path: pathlib.Path) -> Measured:
    """Floats, decoded PNGs and latents of the golden seeds."""
    got = replays.saved_model(path, self.golden_file)
    latents_off = got['latents'] != self.golden.latents
    limits = self.golden.tolerances['saved_model']
    off = comparison.share_off('max_latent_share_off', latents_off, limits)
    checks = [*self._saved_model_checks(got['images'], got['pixels']), off]
    samples = anomaly_record.Samples.load(path)
    if samples:
      checks += self._anomaly_checks(samples, got['anomaly_scores'], got['reconstructions'])
      checks += self._auroc(path)
    return checks, got['pixels']

  def served(self, path: pathlib.Path) -> Measured:
    """What a server that loads the SavedModel answers over gRPC and REST: the worse of the two."""
    got = replays.served(path, self.golden_file, self.model_server_binary)
    images, pixels = (
      _farther(got[f'grpc_{kind}'], got[f'rest_{kind}'], wanted)
      for kind, wanted in (('images', self.golden.images), ('pixels', self.golden.pixels))
    )
    checks, samples = self._saved_model_checks(images, pixels), anomaly_record.Samples.load(path)
    if samples:
      checks += self._anomaly_checks(
        samples,
        _farther(got['grpc_anomaly_scores'], got['rest_anomaly_scores'], samples.scores),
        _farther(got['grpc_reconstructions'], got['rest_reconstructions'], samples.reconstructions),
      )
    return checks, pixels

  def _anomaly_checks(
    self, samples: anomaly_record.Samples, scores: np.ndarray, reconstructions: np.ndarray
  ) -> list[Check]:
    limit = self.golden.tolerances['saved_model']['max_score_difference']
    apart = np.abs(scores - samples.scores) / np.maximum(samples.scores, 1e-6)
    redrawn = np.abs(reconstructions - samples.reconstructions)
    limit_redrawn = self.golden.tolerances['saved_model']['max_float_difference']
    return [
      comparison.check('max_score_difference', apart.max(), limit),
      comparison.check('max_redrawn_difference', redrawn.max(), limit_redrawn),
    ]

  def _auroc(self, path: pathlib.Path) -> list[Check]:
    """The figure of the export, where there is one or a limit asks for it."""
    facts = json.loads((path / anomaly_record.JSON_FILE).read_text(encoding='utf-8'))
    if facts['auroc'] is None and not self.min_anomaly_auroc:
      return []
    value = np.nan if facts['auroc'] is None else facts['auroc']
    return [comparison.check('min_anomaly_auroc', value, self.min_anomaly_auroc)]

  def _saved_model_checks(self, images: np.ndarray, pixels: np.ndarray) -> list[Check]:
    limits = self.golden.tolerances['saved_model']
    levels = comparison.levels_apart(pixels, self.golden.pixels)
    return [
      comparison.largest('max_float_difference', np.abs(images - self.golden.images), limits),
      comparison.largest('max_level_difference', levels, limits, 'levels'),
      comparison.share_off('max_pixel_share_off', levels > 0, limits),
    ]

  def tflite_f32(self, path: pathlib.Path) -> Measured:
    """Grey levels of the float32 file."""
    pixels = replays.tflite(path, self.golden_file)['pixels']
    levels = comparison.levels_apart(pixels, self.golden.pixels)
    limits = self.golden.tolerances['tflite_f32']
    return [comparison.largest('max_level_difference', levels, limits, 'levels')], pixels

  def tflite_f16(self, path: pathlib.Path) -> Measured:
    """PSNR of the float16 file."""
    pixels = replays.tflite(path, self.golden_file)['pixels']
    limits = self.golden.tolerances['tflite_f16']
    return [comparison.mean_psnr(pixels, self.golden.pixels, limits)], pixels

  def tflite_int8(self, path: pathlib.Path) -> Measured:
    """PSNR, label agreement, Frechet distance and size of a file with 8-bit weights."""
    got = replays.tflite(path, self.golden_file, self.extra_file)
    limits = self.golden.tolerances['tflite_int8']
    checks = [comparison.mean_psnr(got['pixels'], self.golden.pixels, limits)]
    if self.judge.feature_net.reads_labels:
      checks.append(self._label_agreement(got['pixels'], got['extra_pixels']))
    checks.append(self._frechet_increase(got['extra_pixels']))
    ratio = path.stat().st_size / path.with_name(model_files.F32).stat().st_size
    checks.append(comparison.check('max_size_ratio', ratio, limits['max_size_ratio']))
    return checks, got['pixels']

  def _label_agreement(self, pixels: np.ndarray, extra_pixels: np.ndarray) -> Check:
    """Over golden and all other pictures: golden alone is too few to judge 97 % by."""
    agrees = self.judge.read(pixels) == self.judge.read(self.golden.pixels)
    others_agree = self.judge.read(extra_pixels) == self.judge.read(self.judge.pixels)
    share = np.concatenate([agrees, others_agree]).mean()
    limit = self.golden.tolerances['tflite_int8']['min_label_agreement']
    result = comparison.check('min_label_agreement', share, limit)
    if agrees.all():
      return result
    return result | {'worst_sample': int(np.argmin(agrees)), 'worst_value': 0.0}

  def _frechet_increase(self, extra_pixels: np.ndarray) -> Check:
    """As a share of the run's own distance: that of few images is larger by what the few miss."""
    float_distance = self.judge.distance(self.judge.pixels)
    distance = self.judge.distance(extra_pixels)
    increase = (distance - float_distance) / max(self.judge.run_distance, 1e-12)
    limit = self.golden.tolerances['tflite_int8']['max_frechet_increase']
    result = comparison.check('max_frechet_increase', increase, limit)
    return result | {
      'frechet_distance': distance,
      'float32_frechet_distance': float_distance,
      'run_frechet_distance': self.judge.run_distance,
      'num_images': len(extra_pixels),
    }


def _exports(
  validator: Validator, inputs: Mapping[str, pathlib.Path]
) -> list[tuple[Measure, pathlib.Path]]:
  """Each exported model with what measures it."""
  tflite = inputs['export_tflite']
  return [
    (validator.saved_model, inputs['export_saved_model']),
    (validator.served, inputs['export_saved_model']),
    (_measure_of_main(validator, tflite), tflite / model_files.MAIN),
    *((validator.tflite_int8, path) for path in tflite.glob(model_files.I8)),
    (validator.tflite_f32, tflite / model_files.F32),
    (validator.tflite_f16, tflite / model_files.F16),
  ]


def _measure_of_main(validator: Validator, tflite: pathlib.Path) -> Measure:
  """By --quantization: generator.tflite is one of the float files again, or has 8-bit weights."""
  contents = (tflite / model_files.MAIN).read_bytes()
  if contents == (tflite / model_files.F32).read_bytes():
    return validator.tflite_f32
  if contents == (tflite / model_files.F16).read_bytes():
    return validator.tflite_f16
  return validator.tflite_int8


def _farther(first: np.ndarray, second: np.ndarray, wanted: np.ndarray) -> np.ndarray:
  """Of two arrays the elements that are farther from those wanted: what is no number, above all."""
  apart = [np.abs(each - wanted.astype(np.float32)) for each in (first, second)]
  return np.where(np.isnan(apart[0]) | (apart[0] >= apart[1]), first, second)


def _summary(model: Mapping[str, Any]) -> str:
  figures = ' '.join(
    f'{result["check"].removeprefix("max_").removeprefix("min_")}={result["value"]:.4g}'
    + ('' if result['passed'] else ' (FAILED)')
    for result in model['checks']
  )
  return f'{model["file"]} {figures}'
