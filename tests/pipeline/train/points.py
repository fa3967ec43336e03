"""Where each gradient penalty is taken, for the tests."""

from pipeline.train import penalties


def penalty_points(real, fake, key):
  """Images [B, H, W, C] in [-1, 1], by the name of the place."""
  return {
    'real': real,
    'fake': fake,
    'between': penalties.between(real, fake, key),
    'around': penalties.around(real, key),
  }
