"""Distances to nearest neighbours, by brute force in blocks.

Legend: N queries, M points, D features.
"""

from collections.abc import Iterator

import numpy as np

_CHUNK = 500  # queries whose distances to all points are in memory at once


def distances(queries: np.ndarray, points: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
  """Squared Euclidean distances, in blocks of queries.

  Args:
    queries: float32 [N, D].
    points: float32 [M, D].

  Yields:
    (rows, float32 [rows, M]). The matrix product that makes it fast rounds: equal rows are about
    1e-3 of their length apart.
  """
  squares = np.square(points).sum(axis=1)
  for start in range(0, len(queries), _CHUNK):
    block = queries[start : start + _CHUNK]
    squared = block @ (points.T * np.float32(-2))
    squared += squares
    squared += np.square(block).sum(axis=1, keepdims=True)
    yield slice(start, start + len(block)), np.maximum(squared, 0, out=squared)


def nearest_distances(queries: np.ndarray, points: np.ndarray, rank: int = 1) -> np.ndarray:
  """Euclidean distance of each query to its nearest point.

  Args:
    queries: float32 [N, D].
    points: float32 [M, D], M >= rank.
    rank: 1 for the nearest, 2 for the second nearest: the nearest other one when the queries are
      among the points.

  Returns:
    float32 [N].
  """
  if len(points) < rank:
    raise ValueError(
      f'rank={rank} (nearest_distances) needs as many points; there are {len(points)}.'
      ' Pass more points.'
    )
  nearest = np.empty(len(queries), np.float32)
  for rows, squared in distances(queries, points):
    chosen = squared.min(axis=1) if rank == 1 else np.partition(squared, rank - 1)[:, rank - 1]
    nearest[rows] = np.sqrt(chosen)
  return nearest
