"""What a classifier reads in the images: the asked class, how surely, in what proportions.

Legend: N images, K classes.
"""

import numpy as np

CONFIDENT = 0.9


def label_agreement(probabilities: np.ndarray, asked: np.ndarray) -> float:
  """Share of images [N, K] read as the class that was asked for, int [N]."""
  return float(np.mean(probabilities.argmax(axis=1) == asked))


def confident_share(probabilities: np.ndarray) -> float:
  """Share of images whose likeliest class has a probability above 0.9."""
  return float(np.mean(probabilities.max(axis=1) > CONFIDENT))


def class_entropy(probabilities: np.ndarray) -> float:
  """Entropy in nats of the classes read: log K if all are equally frequent, 0 for one only."""
  shares = class_counts(probabilities.argmax(axis=1), probabilities.shape[1]) / len(probabilities)
  return float(np.sum(shares * -np.log(np.where(shares > 0, shares, 1))))


def class_counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
  """int64 [K]: how many labels, int [N], are of each class."""
  return np.bincount(labels, minlength=num_classes)


def labels_in_proportion(class_shares: np.ndarray, num_labels: int, seed: int) -> np.ndarray:
  """Labels in given proportions, as exactly as whole numbers allow, in an order drawn by seed.

  Drawn labels would add the chance of their own counts to every figure. Source: largest remainders
  (Hamilton's method).

  Args:
    class_shares: [K], >= 0, not all 0; counts do as well.
    num_labels: N.
    seed: of the order.

  Returns:
    int64 [N].
  """
  exact = np.asarray(class_shares, np.float64) / np.sum(class_shares) * num_labels
  counts = np.floor(exact).astype(np.int64)
  largest = np.argsort(counts - exact, kind='stable')[: num_labels - counts.sum()]
  counts[largest] += 1
  return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
