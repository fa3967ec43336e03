"""The part of the report on a model that tells normal images from others."""

import numpy as np
import pytest

from pipeline import errors
from serving.replay import ANOMALY_SAMPLES
from tests.pipeline.report.page import Page

FACTS = {
  'num_normal': 980,
  'num_anomalous': 9020,
  'auroc': 0.98765,
  'threshold': 0.123,
  'normal_above': 0.01,
  'anomalous_above': 0.875,
}


def write(run, facts=FACTS, num_anomalous=8):
  (run.inputs['export_saved_model'] / 'assets.extra').mkdir(exist_ok=True)
  run.write('export_saved_model', 'assets.extra/anomaly.json', facts)
  number, rng = 8 + num_anomalous, np.random.default_rng(0)
  np.savez(
    run.inputs['export_saved_model'] / ANOMALY_SAMPLES,
    pixels=rng.integers(0, 256, [number, 28, 28, 1], np.uint8),
    scores=np.linspace(0.01, 0.5, number, dtype=np.float32),
    reconstructions=rng.random([number, 28, 28, 1], np.float32),
    is_anomalous=np.arange(number) >= 8,
  )


def anomaly_pictures(run):
  return [image for image in Page(run.html()).all('img') if 'redrawn' in (image['alt'] or '')]


def test_figures_and_pictures_of_both_kinds(run):
  write(run)
  text = Page(run.html()).text
  assert 'Normal images scored above 0.123 1 % of 980' in text
  assert 'Anomalous images scored above 0.123 87.5 % of 9,020' in text
  assert 'Area under the ROC curve 0.9877' in text
  assert [(image['width'], image['height']) for image in anomaly_pictures(run)] == [
    ('224', '84'),  # eight images; below each what was redrawn, and the difference
    ('224', '84'),
  ]


def test_without_anomalous_images_there_is_a_threshold_alone(run):
  write(run, FACTS | {'num_anomalous': 0, 'auroc': None, 'anomalous_above': None}, 0)
  text = Page(run.html()).text
  assert 'Normal images scored above 0.123' in text
  assert 'ROC' not in text
  assert len(anomaly_pictures(run)) == 1


def test_a_model_without_the_signature_has_no_such_part(run):
  assert 'Anomalies' not in Page(run.html()).text


@pytest.mark.parametrize(
  ('name', 'content'),
  [
    ('anomaly.npz', b'no samples'),
    ('anomaly.json', b'{"auroc": 1}'),
    ('anomaly.json', b'[]'),
  ],
)
def test_a_damaged_record_is_one_line(run, name, content):
  write(run)
  (run.inputs['export_saved_model'] / 'assets.extra' / name).write_bytes(content)
  with pytest.raises(errors.ArtifactError, match=name) as caught:
    run.html()
  assert '\n' not in str(caught.value)
