import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from pipeline.ingest import example

_SETTINGS = hypothesis.settings(deadline=None, derandomize=True)
_VALUES = st.one_of(st.binary(max_size=300), st.integers(0, 2**63 - 1))


@_SETTINGS
@hypothesis.given(features=st.dictionaries(st.text(max_size=20), _VALUES, max_size=4))
def test_tensorflow_reads_it(features):
  message = tf.train.Example.FromString(example.encode_example(features))
  read = {}
  for name, feature in message.features.feature.items():
    (read[name],) = getattr(feature, feature.WhichOneof('kind')).value
  assert read == features


def test_order_of_features_does_not_show():
  a = example.encode_example({'image': b'12', 'label': 300, 'key': b'k'})
  assert a == example.encode_example({'key': b'k', 'label': 300, 'image': b'12'})


def test_negative_labels_are_refused():
  with pytest.raises(ValueError, match='-1 is negative'):
    example.encode_example({'label': -1})
