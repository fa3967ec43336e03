import types

import numpy as np
import pytest

from pipeline import dataset
from pipeline.config.train import TrainConfig
from pipeline.train.batches import Batches
from pipeline.train.cluster import Member

SECOND = Member(('localhost:1', 'localhost:2'), 1)


@pytest.mark.parametrize(
  ('num_replicas', 'member', 'first_image', 'text'),
  [
    (1, None, 0, '5,000 images, batch 64'),
    (4, None, 0, '5,000 images, batch 64 (16 each of 4)'),
    (2, SECOND, 2500, '2,500 of 5,000 images, batch 64 (32 each of 2)'),
    (8, SECOND, 2500, '2,500 of 5,000 images, batch 64 (8 each of 8)'),
  ],
)
def test_each_process_reads_the_part_of_its_replicas_and_says_so(
  data, num_replicas, member, first_image, text
):
  strategy = types.SimpleNamespace(num_replicas_in_sync=num_replicas)
  batches = Batches.load(TrainConfig(batch_size=64), strategy, member, data['ingest'])
  assert str(batches) == text
  images, labels = dataset.load_split(data['ingest'], 'train')
  np.testing.assert_array_equal(batches.images, images[first_image:])
  np.testing.assert_array_equal(batches.labels, labels[first_image:])
