"""What the signature anomaly makes of normal and of anomalous images: figures and pictures."""

import dataclasses

import numpy as np

from pipeline import anomaly_record, comparison
from pipeline.report import facts, inline_pictures, numbers
from serving.replay import ANOMALY_SAMPLES

_SHEET_BYTES = 90_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sheet:
  """Images in the first row, what was redrawn below each, and their difference in the third."""

  name: str
  scores: str  # from the lowest to the highest
  picture: inline_pictures.Picture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anomalies:
  """All that there is to say."""

  figures: tuple[tuple[str, str], ...]  # in words
  sheets: tuple[Sheet, ...]


def anomalies(run: facts.Run) -> Anomalies | None:
  """The figures and samples of a run whose SavedModel has the signature; None without it."""
  folder = run.folders.get('export_saved_model')
  if folder is None or not (path := folder / anomaly_record.JSON_FILE).exists():
    return None
  told = facts.read_json(path)
  with facts.expected_form(path):
    figures = _figures(told)
  samples = anomaly_record.Samples.load(folder)
  if samples is None:
    raise facts.damaged(folder / ANOMALY_SAMPLES, 'is missing')
  with facts.expected_form(folder / ANOMALY_SAMPLES):
    return Anomalies(figures=figures, sheets=tuple(_sheets(samples)))


def _figures(told: facts.Facts) -> tuple[tuple[str, str], ...]:
  threshold = numbers.number(float(told['threshold']))
  figures = [
    (f'Normal images scored above {threshold}', _share_of(told, 'normal')),
  ]
  if told['auroc'] is not None:
    figures += [
      (f'Anomalous images scored above {threshold}', _share_of(told, 'anomalous')),
      ('Area under the ROC curve', f'{float(told["auroc"]):.4f}'),
    ]
  return tuple(figures)


def _share_of(told: facts.Facts, kind: str) -> str:
  share = numbers.share(float(told[f'{kind}_above']))
  return f'{share} of {numbers.number(int(told[f"num_{kind}"]))}'


def _sheets(samples: anomaly_record.Samples) -> list[Sheet]:
  redrawn = np.round(samples.reconstructions * 255).astype(np.uint8)
  apart = comparison.levels_apart(samples.pixels, redrawn).astype(np.uint8)
  sheets = []
  for name, rows in (('normal', ~samples.is_anomalous), ('anomalous', samples.is_anomalous)):
    if not rows.any():
      continue
    images = np.concatenate([each[rows] for each in (samples.pixels, redrawn, apart)])
    scores = samples.scores[rows]
    sheet = inline_pictures.sheet(images, int(rows.sum()))
    sheets.append(
      Sheet(
        name=name,
        scores=' to '.join(numbers.number(float(score)) for score in (scores.min(), scores.max())),
        picture=inline_pictures.embed(sheet, _SHEET_BYTES),
      )
    )
  return sheets
