"""Coverage and density: how much of the real data is reached, and how deep inside it the fakes lie.

Legend: N real images, M fake images, D features, k neighbours.

Source: Naeem et al. 2020, arXiv:2002.09797, eqs. 3 and 4. Each real image has a ball that reaches
to its k-th nearest real neighbour. Coverage counts the balls that hold a fake; density counts, for
each fake, the balls that hold it.
"""

import numpy as np

from pipeline.evaluate import neighbours

NUM_NEIGHBOURS = 5


def coverage_and_density(
  real: np.ndarray, fake: np.ndarray, num_neighbours: int = NUM_NEIGHBOURS
) -> tuple[float, float]:
  """Coverage in [0, 1] and density >= 0 (about 1 for fakes as good as real).

  Coverage grows with M, so compare only figures of equal N and M.

  Args:
    real: float32 [N, D], N > num_neighbours.
    fake: float32 [M, D].
    num_neighbours: k.
  """
  radii = neighbours.nearest_distances(real, real, rank=num_neighbours + 1)
  num_covered, num_inside = 0, 0
  for rows, squared in neighbours.distances(real, fake):
    inside = squared < np.square(radii[rows, None])
    num_covered += int(inside.any(axis=1).sum())
    num_inside += int(inside.sum())
  return num_covered / len(real), num_inside / (num_neighbours * len(fake))
