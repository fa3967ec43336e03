import collections

from pipeline.ingest import shuffle


def test_the_order_depends_on_seed_and_key_only():
  assert shuffle.order(3, 'a') == shuffle.order(3, 'a')
  assert len({shuffle.order(s, k) for s in range(3) for k in 'abc'}) == 9
  assert shuffle.order(1, '2x') != shuffle.order(12, 'x')


def test_shards_fill_evenly():
  counts = collections.Counter(shuffle.shard_of(shuffle.order(0, str(i)), 4) for i in range(4000))
  assert sorted(counts) == [0, 1, 2, 3]
  assert all(900 < n < 1100 for n in counts.values())


def test_names_that_are_not_utf8():
  assert len(shuffle.order(0, 'caf\udce9.png')) == 16


def test_shard_names():
  assert shuffle.shard_names('test', 2) == [
    'test-00000-of-00002.tfrecord',
    'test-00001-of-00002.tfrecord',
  ]
