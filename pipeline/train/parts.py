"""Which images each replica trains on."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Parts:
  """A split in as many equal parts as there are replicas, and which of them this process trains on.

  Replica r of R has the images from r · N div R to (r + 1) · N div R. Its part depends on the
  number of replicas, not on the processes they are in: two workers of one device each train on the
  same batches as one worker of two, and yet each reads its own shards alone. (Where an edge falls
  inside a shard, both neighbours read that shard.)
  """

  num_images: int  # N, in the whole split
  num_replicas: int = 1  # R, in all processes
  first: int = 0  # the first replica of this process
  number: int = 1  # replicas of this process

  @property
  def edges(self) -> list[int]:
    """Where the parts of this process begin and where the last one ends: [number + 1]."""
    replicas = range(self.first, self.first + self.number + 1)
    return [replica * self.num_images // self.num_replicas for replica in replicas]

  @property
  def images(self) -> range:
    """The images of this process, by their positions in the split."""
    return range(self.edges[0], self.edges[-1])
