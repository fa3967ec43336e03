import numpy as np
import pytest

from pipeline import errors
from pipeline.ingest import labels


@pytest.mark.parametrize(
  ('values', 'names'),
  [
    ([0, 1, 2, 1], ('0', '1', '2')),
    ([0, 0], ('0',)),
    ([0, 1, 5], ('0', '1')),
    ([1, 2], ()),
    ([-1, 0], ('0',)),
    ([], ()),
  ],
)
@pytest.mark.parametrize('dtype', [np.int64, np.int8])
def test_names_are_the_run_from_zero(values, names, dtype):
  assert labels.names(np.array(values, dtype)) == names


def test_labels_within_the_classes_pass():
  labels.check(np.array([0, 2, 1], np.uint8), 3, 'here')
  labels.check(np.array([], np.int64), 0, 'here')


@pytest.mark.parametrize(
  ('values', 'num_classes', 'message'),
  [
    ([0, 3, 4], 3, r'here: label 3 of record 1 is outside the classes 0 to 2 \(2 such\)'),
    ([0, -1], 3, 'label -1 of record 1'),
    ([1], 0, 'none has label 0'),
    ([2**40], 3, 'label 1099511627776'),
  ],
)
def test_others_are_refused(values, num_classes, message):
  with pytest.raises(errors.DataError, match=message):
    labels.check(np.array(values, np.int64), num_classes, 'here')
