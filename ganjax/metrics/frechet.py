"""How far the features of one set of images lie from another's: the Frechet distance.

Features are any numbers computed from an image, float `[images, features]`; which network they
come from decides what the distance means, so quote it with every value. Everything here is NumPy
on the host, in float64: float32 sums over thousands of images lose the digits that matter.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError
from ganjax.metrics.checks import TooFewImagesError, check_features

Floats = NDArray[np.float64]


class Moments(NamedTuple):
    """What the distance needs to know of a set: how many images, where they lie, how they spread.

    Attributes:
      images: how many were seen.
      mean: float64 `[features]`.
      scatter: float64 `[features, features]`, the sum over images of the outer product of their
        deviation from the mean; unlike the covariance it adds up when sets are merged.
    """

    images: int
    mean: Floats
    scatter: Floats

    @property
    def covariance(self) -> Floats:
        """The unbiased covariance, float64 `[features, features]`; of two images or more."""
        return self.scatter / (self.images - 1)


def moments(features: ArrayLike) -> Moments:
    """Return the moments of a set, or of a part of one.

    Args:
      features: float `[images, features]`, at least one image.

    Returns:
      The moments; those of several parts are put together by `merge`.

    Raises:
      UserError: the array is of another shape or empty, or holds NaN or infinity.
    """
    values = check_features(features).astype(np.float64, copy=False)
    mean = values.mean(axis=0)
    deviations = values - mean
    return Moments(len(values), mean, deviations.T @ deviations)


def merge(one: Moments, other: Moments) -> Moments:
    """Return the moments of two parts together, so that a large set need never be held whole.

    `functools.reduce(merge, map(moments, batches))` equals `moments` of all batches in one. With
    d the difference of the means, scatter = scatter_1 + scatter_2 + d d^T n_1 n_2 / (n_1 + n_2).

    Args:
      one: moments of some images.
      other: moments of other images, on the same features.

    Returns:
      The moments of all of them.

    Raises:
      UserError: the two are of different numbers of features.

    References:
      Chan, Golub, LeVeque (1979), Updating Formulae and a Pairwise Algorithm for Computing Sample
      Variances.
    """
    _check_alike(one, other)
    images = one.images + other.images
    difference = other.mean - one.mean
    between = np.outer(difference, difference) * (one.images * other.images / images)
    return Moments(
        images,
        one.mean + difference * (other.images / images),
        one.scatter + other.scatter + between,
    )


def frechet_distance(one: Moments, other: Moments) -> float:
    """The squared Wasserstein-2 distance between the Gaussians with two sets' moments.

    Heusel et al. 2017, arXiv 1706.08500, equation 6; with Inception features it is called FID:

        d = |m_1 - m_2|^2 + tr(S_1) + tr(S_2) - 2 tr((S_1^1/2 S_2 S_1^1/2)^1/2)

    The last trace is the sum of the singular values of A_1^T A_2 for any factors S_i = A_i A_i^T,
    which symmetric eigendecompositions give: nothing complex, nothing inverted, and as exact for
    covariances without full rank (fewer images than features).

    It is biased upwards for small sets, the more the fewer images, so compare only distances
    between equally large ones (arXiv 1801.01401).

    Args:
      one: moments of at least 2 images.
      other: moments of at least 2 images, on the same features.

    Returns:
      A number of at least 0, in squared units of the features.

    Raises:
      UserError: different numbers of features.
      TooFewImagesError: a set of fewer than 2 images.

    Example:
      >>> near, far = moments([[0.0], [2.0]]), moments([[3.0], [5.0]])
      >>> frechet_distance(near, far)
      9.0
    """
    _check_alike(one, other)
    for own in (one, other):
        if own.images < 2:
            raise TooFewImagesError(
                f"a Frechet distance needs at least 2 images a side, not {own.images}"
            )
    shift = one.mean - other.mean
    factors = _factor(one.covariance), _factor(other.covariance)
    overlap = np.linalg.svd(factors[0].T @ factors[1], compute_uv=False).sum()
    spread = np.sum(factors[0] ** 2) + np.sum(factors[1] ** 2)
    return float(max(shift @ shift + spread - 2 * overlap, 0.0))


def _factor(covariance: Floats) -> Floats:
    """Return A with `A A^T` the covariance; directions of rounding noise only are left out."""
    values, vectors = np.linalg.eigh(covariance)
    noise = values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors * np.sqrt(np.where(values > noise, values, 0.0))


def _check_alike(one: Moments, other: Moments) -> None:
    if one.mean.shape != other.mean.shape:
        raise UserError(
            f"moments of {one.mean.size} and of {other.mean.size} features cannot be compared; "
            "use one feature network for both"
        )
