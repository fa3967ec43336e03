import pathlib

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from pipeline import latents

SEEDS = np.array(
  [0, 1, 2, -1, -2, 7, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, -(2**63), 10**18],
  np.int64,
)


def mix_oracle(x: int) -> int:
  x ^= x >> 16
  x = x * 0x7FEB352D % 2**32
  x ^= x >> 15
  x = x * 0x846CA68B % 2**32
  return x ^ x >> 16


def oracle(seed: int, latent_size: int) -> np.ndarray:
  """The definition in Python's own integers."""
  low, high = seed % 2**32, (seed >> 32) % 2**32
  key = mix_oracle((low + mix_oracle((high + 0x9E3779B9) % 2**32)) % 2**32)
  second_key = mix_oracle((high + mix_oracle((low + key) % 2**32)) % 2**32)
  row = []
  for i in range(1, latent_size + 1):
    word = mix_oracle((mix_oracle((i * 0x9E3779B9 + key) % 2**32) + second_key) % 2**32)
    row.append(latents.quantile_table()[word >> 20])
  return np.array(row, np.float32)


def draw(seeds, latent_size: int = 64) -> np.ndarray:
  return latents.latents_from_seeds(tf.constant(seeds, tf.int64), latent_size).numpy()


def test_bits_equal_the_oracle():
  expected = np.stack([oracle(int(seed), 100) for seed in SEEDS])
  np.testing.assert_array_equal(draw(SEEDS, 100).view(np.uint32), expected.view(np.uint32))


def test_known_values_never_change():
  # Seeds are given to users as names of pictures: changing these values changes every picture.
  expected = {
    0: [0.9040539, -0.46921492, -0.08731652, 0.28628716],
    1: [-1.5933398, 0.38406843, 0.26214081, 0.66720897],
    -1: [-0.1304123, 1.3515676, 0.36372355, 1.0564307],
    2**40 + 5: [0.34807587, -0.6833515, 1.0311079, -0.9695409],
  }
  for seed, row in expected.items():
    np.testing.assert_array_equal(draw([seed], 4)[0], np.array(row, np.float32))


def test_graph_and_any_batch_split_equal_eager():
  whole = draw(SEEDS)
  graph = tf.function(
    lambda seeds: latents.latents_from_seeds(seeds, 64),
    input_signature=[tf.TensorSpec([None], tf.int64)],
  )
  np.testing.assert_array_equal(graph(SEEDS), whole)
  for size in (1, 3, 5):
    parts = [graph(SEEDS[i : i + size]).numpy() for i in range(0, len(SEEDS), size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_coordinates_do_not_depend_on_latent_size():
  np.testing.assert_array_equal(draw(SEEDS, 16), draw(SEEDS, 200)[:, :16])


def test_no_seed_gives_no_row():
  assert draw(np.zeros([0], np.int64)).shape == (0, 64)


def test_saved_model_keeps_the_bits(tmp_path: pathlib.Path):
  module = tf.Module()
  module.latents = tf.function(
    lambda seeds: latents.latents_from_seeds(seeds, 64),
    input_signature=[tf.TensorSpec([None], tf.int64)],
  )
  tf.saved_model.save(module, str(tmp_path))
  restored = tf.saved_model.load(str(tmp_path))
  np.testing.assert_array_equal(restored.latents(tf.constant(SEEDS)), draw(SEEDS))


def test_table_holds_the_quantile_midpoints():
  expected = scipy.special.ndtri((np.arange(4096) + 0.5) / 4096)
  table = latents.quantile_table()
  np.testing.assert_allclose(table, expected, rtol=1e-6, atol=1e-9)
  np.testing.assert_array_equal(table, -table[::-1])
  assert np.all(np.diff(table) > 0)


@pytest.mark.parametrize('first', [0, -50_000, 2**32 - 25_000, 2**62])
def test_neighbouring_seeds_are_standard_normal_and_independent(first: int):
  x = draw(first + np.arange(50_000), 8).astype(np.float64)
  N = x.size
  assert abs(x.mean()) < 4 / np.sqrt(N)
  assert abs(x.var() - 1) < 4 * np.sqrt(2 / N) + 5e-4
  assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / N) + 0.02
  # Between the coordinates of one seed, and between a seed and the next ones.
  correlation = np.corrcoef(np.hstack([x[:-2], x[1:-1], x[2:]]).T)
  assert np.abs(correlation - np.eye(24)).max() < 4.5 / np.sqrt(50_000)


def test_every_quantile_is_equally_likely():
  counts = np.bincount(np.searchsorted(latents.quantile_table(), draw(np.arange(20_000)).ravel()))
  assert len(counts) == 4096
  assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_seeds_that_share_a_word_or_bits_do_not_share_rows():
  low = np.arange(3_000)
  seeds = np.concatenate([low, low << 32, (low << 32) | low, -low - 1, 1 << np.arange(13, 31)])
  rows = draw(np.unique(seeds), 8)
  assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.parametrize('bit', range(64))
def test_each_bit_of_a_seed_changes_about_every_coordinate(bit: int):
  seeds = np.arange(1000, 1040, dtype=np.int64)
  flipped = (seeds.view(np.uint64) ^ (np.uint64(1) << np.uint64(bit))).view(np.int64)
  a, b = draw(seeds), draw(flipped)
  assert np.mean(a != b) > 0.995
  assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.5 / np.sqrt(a.size)
