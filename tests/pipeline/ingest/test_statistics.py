import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from pipeline.ingest import statistics
from pipeline.ingest.source import Decoded

_SETTINGS = hypothesis.settings(deadline=None, derandomize=True)


def _block(count, seed, channels=3):
  rng = np.random.default_rng(seed)
  return Decoded(
    images=rng.integers(0, 256, (count, 4, 4, channels), np.uint8),
    labels=rng.integers(0, 5, count),
    keys=tuple(map(str, range(count))),
  )


def test_agrees_with_numpy():
  block = _block(50, 0)
  values = statistics.of_block(block, 5).as_json()
  assert values['num_images'] == 50
  assert values['class_counts'] == np.bincount(block.labels, minlength=5).tolist()
  images = block.images.astype(np.float64)
  assert values['pixel_mean'] == pytest.approx(images.mean((0, 1, 2)))
  assert values['pixel_std'] == pytest.approx(images.std((0, 1, 2)))


@_SETTINGS
@hypothesis.given(sizes=st.lists(st.integers(0, 6), min_size=1, max_size=6), order=st.randoms())
def test_order_and_grouping_do_not_show(sizes, order):
  totals = [statistics.of_block(_block(size, i), 5) for i, size in enumerate(sizes)]
  want = sum(totals, statistics.zero(5, 3)).as_json()
  order.shuffle(totals)
  split = order.randint(0, len(totals))
  left = sum(totals[:split], statistics.zero(5, 3))
  right = sum(totals[split:], statistics.zero(5, 3))
  assert (right + left).as_json() == want


def test_unlabelled_and_empty():
  block = Decoded(images=np.full((2, 4, 4, 1), 7, np.uint8), labels=None, keys=('a', 'b'))
  values = statistics.of_block(block, 0).as_json()
  assert values == {'num_images': 2, 'class_counts': [], 'pixel_mean': [7.0], 'pixel_std': [0.0]}
  assert statistics.zero(0, 1).as_json()['pixel_mean'] == [0.0]
