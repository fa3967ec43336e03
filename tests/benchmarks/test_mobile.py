"""What the benchmark of quantisations prints, by what its judge reads."""

import dataclasses
import pathlib

import numpy as np
import pytest

from benchmarks import mobile
from mobile import convert, replay
from pipeline.evaluate import feature_model, feature_net
from pipeline.evaluate.reference import Reference
from pipeline.validate import Judge
from tests.mobile.tiny_info import INFO
from tests.serving import tiny_models


@pytest.fixture(scope='module')
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  latents = np.random.default_rng(0).standard_normal([60, 8]).astype(np.float32)
  calibration = convert.Calibration(latents, np.arange(60) % 3)
  path = tmp_path_factory.mktemp('model') / 'generator.tflite'
  path.write_bytes(convert.convert('int8', tiny_models.generator(), calibration, INFO))
  return path


@pytest.fixture(scope='module')
def judge(path: pathlib.Path) -> Judge:
  rng, labels = np.random.default_rng(1), np.arange(60) % 3
  latents = rng.standard_normal([60, 8]).astype(np.float32)
  pixels = replay.Generator(path).pixels(latents, labels)
  fresh = feature_model.build_feature_model((8, 8, 1), 3, seed=0)
  net = feature_net.from_model(fresh, 'fresh', True, pixels, labels)
  reals = rng.integers(0, 256, [60, 8, 8, 1], dtype=np.uint8)
  return Judge(net, Reference.of('train', net, net.features(reals)), 1.0, latents, labels, pixels)


@pytest.mark.parametrize(('reads_labels', 'label'), [(True, '100.00%'), (False, '-')])
def test_agreement_on_labels_is_shown_only_where_the_judge_reads_them(
  path: pathlib.Path,
  judge: Judge,
  capsys: pytest.CaptureFixture[str],
  reads_labels: bool,
  label: str,
):
  net = dataclasses.replace(judge.feature_net, reads_labels=reads_labels)
  quality = mobile._quality(path, dataclasses.replace(judge, feature_net=net))
  names = ('float32', 'ptq', 'qat')
  mobile._print_variants(
    dict.fromkeys(names, path), dict.fromkeys(names, quality), dict.fromkeys(names, 1.0)
  )
  header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()[:4]]
  assert 'label' in header
  assert [row[2] for row in rows] == 3 * [label]
