"""The detector of what is not normal, from its flagfile to a pushed version."""

import json
import pathlib

import pytest
import tensorflow as tf

from pipeline import run
from tests.test_recipes import QUICK

FLAGFILE = pathlib.Path(__file__).parent.parent / 'configs' / 'anomaly.flags'


@pytest.mark.slow
def test_the_flagfile_ends_in_a_version_that_judges(tmp_path, capfd):
  arguments = [
    f'--flagfile={FLAGFILE}',
    *QUICK,
    '--anomaly_steps=3',
    '--min_anomaly_auroc=0',
    f'--run_dir={tmp_path / "run"}',
    f'--serving_model_dir={tmp_path / "models"}',
  ]
  code = run.main(arguments)
  told = capfd.readouterr()
  assert code == 0, told.out + told.err
  validation = json.loads((tmp_path / 'run/validate/validation.json').read_text())
  for model in validation['models'][:2]:  # the SavedModel, and a server with it
    assert 'max_score_difference' in {check['check'] for check in model['checks']}
  pushed = tf.saved_model.load(str(tmp_path / 'models/anomaly/1'))
  answer = pushed.signatures['anomaly'](images=tf.zeros([2, 28, 28, 1]))
  assert answer['anomaly_score'].shape == (2,)
  assert 'Anomalies' in (tmp_path / 'run/report/report.html').read_text()

  assert run.main([*arguments, '--min_anomaly_auroc=1']) == 5  # no three steps are as good
  assert 'area under the ROC curve' in capfd.readouterr().err
