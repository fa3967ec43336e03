import json

import pytest

from pipeline import errors
from pipeline.train.rollbacks import NotFiniteError, Rollbacks


def failure(step):
  return NotFiniteError(step, ['generator_loss'])


def test_each_halves_the_learning_rates_for_processes_to_come_as_well(tmp_path):
  for number in range(3):
    assert Rollbacks(tmp_path, 3).rate_factor == 0.5**number
    Rollbacks(tmp_path, 3).add(failure(number))


def test_a_run_that_gave_up_starts_no_more(tmp_path):
  rollbacks = Rollbacks(tmp_path, 1)
  rollbacks.add(failure(4))
  with pytest.raises(errors.TrainingError, match='generator_loss is not finite at step 5'):
    rollbacks.add(failure(5))
  for _ in range(2):
    with pytest.raises(
      errors.TrainingError, match=r'failed at step 5 \(train\), after 1 rollbacks'
    ):
      Rollbacks(tmp_path, 1)


def test_a_torn_line_does_not_count(tmp_path):
  path = tmp_path / 'rollbacks.jsonl'
  Rollbacks(tmp_path, 3).add(failure(4))
  path.write_text(path.read_text() + '{"step": 5, "not_fin')
  rollbacks = Rollbacks(tmp_path, 3)
  assert rollbacks.number == 1
  rollbacks.add(failure(6))
  assert [json.loads(line)['step'] for line in path.read_text().splitlines()] == [4, 6]
