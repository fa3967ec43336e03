"""Real images as the judge sees them: what generated images are compared with.

Legend: N images, D features.
"""

import dataclasses
import pathlib

import numpy as np

from pipeline import errors, npz
from pipeline.evaluate import frechet
from pipeline.evaluate.feature_net import FeatureNet, Reading

MNIST_TEST = pathlib.Path(__file__).parent / 'weights' / 'mnist_test.npz'
# Features kept one by one. Coverage depends on their number, so it is the same for all references.
_MAX_KEPT = 2000


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
  """Statistics of real images under one feature network."""

  name: str  # 'test', 'train' or 'mnist_test'
  num_images: int  # behind the Gaussian
  net_digest: str  # of the feature network
  gaussian: frechet.Gaussian
  features: np.ndarray  # float32 [up to 2000, D], of images drawn from the same

  @classmethod
  def of(cls, name: str, feature_net: FeatureNet, features: np.ndarray) -> 'Reference':
    """The reference made of features float32 [N, D], in an order that carries no meaning."""
    return cls(
      name, len(features), feature_net.digest, frechet.gaussian(features), features[:_MAX_KEPT]
    )

  @property
  def is_in_train(self) -> bool:
    """Whether its images are among the training images."""
    return self.name == 'train'

  @classmethod
  def load(cls, path: pathlib.Path, feature_net: FeatureNet) -> 'Reference':
    """What `save` wrote.

    Raises:
      ArtifactError: a file that is missing, damaged or measured through another network.
    """
    with npz.opened(path, 'reference') as arrays:
      reference = cls(
        name=str(arrays['name']),
        num_images=int(arrays['num_images']),
        net_digest=str(arrays['net_digest']),
        gaussian=frechet.Gaussian(
          arrays['mean'].astype(np.float64), arrays['covariance'].astype(np.float64)
        ),
        features=arrays['features'].astype(np.float32),
      )
    if reference.net_digest != feature_net.digest:
      raise errors.ArtifactError(
        f'{path} was measured through network {reference.net_digest}, not {feature_net.tag}.'
        ' Make both anew with pipeline.evaluate.train_feature_net.'
      )
    return reference

  def save(self, path: pathlib.Path) -> None:
    """Writes one .npz file: statistics as float32, single features as float16."""
    np.savez_compressed(
      path,
      name=np.array(self.name),
      num_images=np.array(self.num_images),
      net_digest=np.array(self.net_digest),
      mean=self.gaussian.mean.astype(np.float32),
      covariance=self.gaussian.covariance.astype(np.float32),
      features=self.features.astype(np.float16),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Reals:
  """The real images behind all figures of one evaluation."""

  reference: Reference
  train: Reading  # of all training images
  floor: Reading  # of training images that aren't in the reference, in random order

  @classmethod
  def of(
    cls, reference: Reference | None, feature_net: FeatureNet, train: Reading, seed: int
  ) -> 'Reals':
    """Without a reference apart from them, half of the training images become the reference.

    Args:
      reference: of held-out images, or None.
      feature_net: that read the training images.
      train: reading of all training images.
      seed: of the random order.
    """
    rows = np.random.default_rng(seed).permutation(len(train.features))
    if reference is None:
      half, rows = rows[: len(rows) // 2], rows[len(rows) // 2 :]
      reference = Reference.of('train', feature_net, train.features[half])
    return cls(reference, train, Reading(train.features[rows], train.probabilities[rows]))
