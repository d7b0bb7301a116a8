"""Do generated images lie where real ones do, and everywhere they do: balls about neighbours.

The set of real images is taken for the union of balls, one about each image, that reach to its k-th
nearest other one; the set of generated images likewise.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError
from ganjax.metrics.checks import check_sets
from ganjax.metrics.neighbours import nearest
from ganjax.metrics.products import Floats, centred, in_parts, parts, squared_distances

ROUNDING = 1e-12
"""Relative difference of squared distances up to which they count as equal."""


class Manifold(NamedTuple):
    """Four shares; each is 1 or near it where two sets are alike, and sees another failure.

    Attributes:
      precision: the share of generated images inside at least one real image's ball: are they
        realistic? One outlier among the real images, with its huge ball, lets many in.
      recall: the share of real images inside at least one generated image's ball: is everything
        made? Generated outliers, with theirs, flatter it.
      density: in how many real balls a generated image lies, over k, on average: precision that
        one outlier cannot lift; may exceed 1.
      coverage: the share of real images whose ball holds at least one generated image: recall that
        generated outliers cannot lift.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: ArrayLike, generated: ArrayLike, *, neighbours: int = 5) -> Manifold:
    """Compare where two sets lie, by balls that reach to the k-th nearest of the same set.

    Precision and recall: Kynkaanniemi et al. 2019, arXiv 1904.06991, equations 1 and 2 (they took
    k = 3). Density and coverage: Naeem et al. 2020, arXiv 2002.09797 (k = 5). Balls are closed:
    copies of the real images have precision and coverage 1. Two large sets of equally many images
    of one distribution have an expected coverage of 1 - 2^-k (0.97 for k = 5) and a density of 1,
    whatever the distribution. All depend on the sizes of the sets: compare equally large ones.

    Args:
      real: features of real images, float `[n, d]`, n above k.
      generated: features of generated images, float `[m, d]`, m above k.
      neighbours: k.

    Returns:
      Precision, recall and coverage in [0, 1]; density at least 0.

    Raises:
      UserError: features that `check_sets` refuses, or `neighbours` below 1.
      TooFewImagesError: k images or fewer on a side.

    Example:
      >>> manifold([[0.0], [1.0], [2.0]], [[0.5], [1.5], [5.0], [9.0]], neighbours=1).precision
      0.5
    """
    if neighbours < 1:
        raise UserError(f"neighbours must be at least 1, not {neighbours}")
    real_set, generated_set = check_sets(real, generated, fewest=neighbours + 1)
    real_radii, generated_radii = (
        nearest(own, own, count=neighbours, apart_from_self=True).distances[:, -1]
        for own in (real_set, generated_set)
    )
    holding, covered, recalled = _count(real_set, generated_set, real_radii, generated_radii)
    return Manifold(
        precision=float(np.mean(holding > 0)),
        recall=float(np.mean(recalled)),
        density=float(np.mean(holding) / neighbours),
        coverage=float(np.mean(covered)),
    )


def _count(
    real: Floats, generated: Floats, real_radii: NDArray, generated_radii: NDArray
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Look at every pair of a real and a generated image.

    Returns:
      How many real balls hold each generated image `[m]`; whether each real image's ball holds
      one, and whether a generated ball holds it, `[n]` both.
    """
    sets = centred(real, generated, np.float32)
    slack = sets.rounding()
    # x.y - |y|^2 / 2 >= (|x|^2 - r^2) / 2 where |x - y| <= r
    half = (sets.other_squares / 2).astype(np.float32)
    real_reach = (sets.one_squares - (real_radii / sets.unit) ** 2) / 2
    generated_reach = ((generated_radii / sets.unit) ** 2 / 2).astype(np.float32)
    covered, recalled = np.empty((2, len(real)), bool)

    def count(rows: slice) -> NDArray[np.int64]:
        score = sets.one[rows] @ sets.other.T
        score -= half
        inside, doubtful = _compare(score, real_reach[rows], slack[rows])
        which, column = doubtful
        inside[doubtful] = _within(real[rows], generated, *doubtful, real_radii[rows][which])
        per_generated = inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        score += generated_reach
        inside, doubtful = _compare(score, sets.one_squares[rows] / 2, slack[rows])
        which, column = doubtful
        inside[doubtful] = _within(real[rows], generated, *doubtful, generated_radii[column])
        recalled[rows] = inside.any(axis=1)
        return per_generated

    holding = in_parts(count, len(real), len(generated))
    return np.sum(holding, axis=0), covered, recalled


def _compare(
    score: Floats, reach: NDArray, slack: NDArray
) -> tuple[NDArray[np.bool_], tuple[NDArray, NDArray]]:
    """Return which scores reach a row's mark, and the pairs of which rounding makes it doubtful."""
    surely = score >= (reach + slack).astype(np.float32)[:, None]
    perhaps = score >= (reach - slack).astype(np.float32)[:, None]
    which, column = np.divmod(np.flatnonzero(surely != perhaps), score.shape[1])
    return surely, (which, column)


def _within(
    one: Floats, other: Floats, rows: NDArray, columns: NDArray, radii: NDArray
) -> NDArray[np.bool_]:
    """Say of some pairs whether their distance is at most a radius, by differences."""
    found = np.empty(len(rows), bool)
    for part in parts(len(rows), one.shape[1]):
        squares = squared_distances(one[rows[part]], other[columns[part]])
        found[part] = squares <= radii[part] ** 2 * (1 + ROUNDING)
    return found
