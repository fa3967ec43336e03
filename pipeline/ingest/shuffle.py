"""The order of the records: a hash of seed and key, so that it depends on nothing else."""

import hashlib


def order(seed: int, key: str) -> bytes:
  """[16] bytes: the place of a record among all others."""
  return hashlib.sha256(f'{seed}\0{key}'.encode(errors='surrogateescape')).digest()[:16]


def shard_of(place: bytes, num_shards: int) -> int:
  """The shard of the record at a place."""
  return int.from_bytes(place[:8], 'big') % num_shards


def shard_names(split: str, num_shards: int) -> list[str]:
  """File names of a split's shards."""
  return [f'{split}-{i:05d}-of-{num_shards:05d}.tfrecord' for i in range(num_shards)]
