"""Which images are taken: in proportion to their classes, the same for the same seed."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def in_proportion(counts: np.ndarray, total: int) -> NDArray[np.int64]:
    """Share out a number of images over classes in proportion to what they have.

    By largest remainders, of equal ones the first class.

    Args:
      counts: int `[classes]`, not all 0.
      total: images; up to the sum of the counts, no class gets more than it has.

    Returns:
      int64 `[classes]`, of sum `total`.
    """
    shares, remainders = np.divmod(np.asarray(counts, np.int64) * total, np.sum(counts))
    first = np.argsort(-remainders, kind="stable")[: total - shares.sum()]
    shares[first] += 1
    return shares


def some(labels: np.ndarray, count: int, seed: int) -> Rows:
    """Draw images, of each class in proportion: int64 `[count]`, shuffled.

    Args:
      labels: int32 `[n]`.
      count: how many, at most n.
      seed: of the draw.
    """
    rng = np.random.default_rng([seed, len(labels), count])
    shares = in_proportion(np.bincount(labels), count)
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:k] for c, k in enumerate(shares)]
    return rng.permutation(np.concatenate(drawn))


def halves(labels: np.ndarray, count: int, seed: int) -> tuple[Rows, Rows]:
    """Draw two sets that share no image, of the same number of each class, shuffled.

    Args:
      labels: int32 `[n]`.
      count: how many each has, at most half of n; fewer where classes are odd in number.
      seed: of the draw.
    """
    rng = np.random.default_rng([seed, len(labels)])
    pairs = np.bincount(labels) // 2
    shares = in_proportion(pairs, min(count, int(pairs.sum())))
    one, other = [], []
    for c, k in enumerate(shares):
        own = rng.permutation(np.flatnonzero(labels == c))
        one.append(own[:k])
        other.append(own[k : 2 * k])
    return rng.permutation(np.concatenate(one)), rng.permutation(np.concatenate(other))
