"""How far two sets of features lie apart, without bias and with its error: the kernel distance."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.metrics.checks import check_sets
from ganjax.metrics.products import Floats, in_parts, parts

FEWEST_FOR_AN_ERROR = 4
TILE = 1024
"""Images on each side whose kernels are made together: 4 MB."""


class Estimate(NamedTuple):
    """A number found from samples, and how far it typically falls from the true one.

    Attributes:
      value: the estimate.
      standard_error: its standard deviation over other draws of both sets, estimated.
    """

    value: float
    standard_error: float


class _Sums(NamedTuple):
    """Of some pairs' kernels: sums per image of either set, float64, and of all squares."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    squares: float


class _Analysis(NamedTuple):
    """What the kernels of all pairs say, as an analysis of variance does.

    Attributes:
      mean: of the kernel, over the pairs.
      effects: float64, one or two arrays: by how much each image's kernels exceed the mean.
      residual: the variance of what is left when mean and effects are taken off.
    """

    mean: float
    effects: tuple[NDArray[np.float64], ...]
    residual: float


def kernel_distance(one: ArrayLike, other: ArrayLike) -> Estimate:
    """Estimate the squared maximum mean discrepancy of two distributions from samples.

    Binkowski et al. 2018, arXiv 1801.01401; with Inception features it is called KID:

        MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),    k(x, y) = (x.y / d + 1)^3

    over different images x, x' of one set and y, y' of the other: the unbiased estimate from all
    pairs, not from random subsets. It is 0 on average where the distributions are equal, whatever
    the number of images, and may come out below 0. It sees means, covariances and third moments.

    The standard error is in closed form and draws nothing. By Hoeffding's decomposition, a kernel
    is a mean, an effect of each of its two images and a residual, all uncorrelated, so that

        var = 4/n var(a - b) + 4/m var(c - e) + 2 r_xx / (n (n-1)) + 2 r_yy / (m (m-1))
              + 4 r_xy / (n m)

    with a and b the effects of x among its own set and across, c and e those of y, and r the
    variances of the residuals. All are estimated without bias, as in an analysis of variance; an
    estimate of the first two terms together that falls below 0 counts as 0. For equal distributions
    it then tells an error up to a fifth too large, the jackknife one about two fifths. (Hoeffding
    1948; the estimand is that of arXiv 1906.02104.) There the estimate is not normal, but skewed to
    the right.

    Args:
      one: float `[n, d]`, n at least 2.
      other: float `[m, d]`, m at least 2.

    Returns:
      The estimate and its standard error, in the unit of the kernel; the error is NaN for fewer
      than 4 images on a side.

    Raises:
      UserError: features that `check_sets` refuses.
      TooFewImagesError: fewer than 2 images on a side.

    Example:
      >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]]).value
      7.0
    """
    x, y = check_sets(one, other, fewest=2)
    n, m, d = len(x), len(y), x.shape[1]
    # k(x, y) / s^3 - c^3 with c = 1/s: any scale is safe in float32, and a constant changes nothing
    longest = max(np.einsum("ij,ij->i", own, own, dtype=np.float64).max() for own in (x, y))
    scale = max(1.0, float(longest) / d)
    x, y = ((own / np.sqrt(scale * d)).astype(np.float32) for own in (x, y))
    xx, yy, xy = _within(x, 1 / scale), _within(y, 1 / scale), _across(x, y, 1 / scale)
    value = xx.mean + yy.mean - 2 * xy.mean
    error = _error(n, m, xx, yy, xy) if min(n, m) >= FEWEST_FOR_AN_ERROR else np.nan
    return Estimate(float(scale**3 * value), float(scale**3 * error))


def _error(n: int, m: int, xx: _Analysis, yy: _Analysis, xy: _Analysis) -> float:
    """Return the square root of the variance above; the effects' own noise is taken off them."""
    of_x = np.var(xx.effects[0] - xy.effects[0], ddof=1)
    of_x -= xx.residual / (n - 2) + xy.residual / m
    of_y = np.var(yy.effects[0] - xy.effects[1], ddof=1)
    of_y -= yy.residual / (m - 2) + xy.residual / n
    variance = max(float(4 * of_x / n + 4 * of_y / m), 0.0)
    variance += 2 * xx.residual / (n * (n - 1)) + 2 * yy.residual / (m * (m - 1))
    variance += 4 * xy.residual / (n * m)
    return np.sqrt(variance)


def _within(x: Floats, c: float) -> _Analysis:
    """Analyse the kernels of each two different images of a set, every pair once."""
    n = len(x)

    def analyse(rows: slice) -> _Sums:
        own, squares = np.zeros(n), 0.0
        for columns in parts(n, TILE, most=TILE**2):
            if columns.start < rows.start:
                continue
            kernel = _kernel(x[rows] @ x[columns].T, c)
            if columns == rows:
                np.fill_diagonal(kernel, 0)
            else:
                own[columns] = kernel.sum(axis=0, dtype=np.float64)
            own[rows] += kernel.sum(axis=1, dtype=np.float64)
            squares += (1 + (columns != rows)) * _sum_of_squares(kernel)
        return _Sums(own, own, squares)

    found = in_parts(analyse, n, TILE, most=TILE**2)
    sums = np.sum([part.rows for part in found], axis=0)
    squares = sum(part.squares for part in found)
    mean = sums.sum() / (n * (n - 1))
    if n < FEWEST_FOR_AN_ERROR:
        return _Analysis(mean, (np.zeros(n),), np.nan)
    effects = (sums - (n - 1) * mean) / (n - 2)
    left = squares - n * (n - 1) * mean**2 - 2 * (n - 2) * np.sum(effects**2)
    return _Analysis(mean, (effects,), max(left, 0.0) / (n * (n - 3)))


def _across(x: Floats, y: Floats, c: float) -> _Analysis:
    """Analyse the kernels of each image of a set with each of another."""
    n, m = len(x), len(y)

    def analyse(rows: slice) -> _Sums:
        of_x, of_y, squares = np.zeros(n), np.zeros(m), 0.0
        for columns in parts(m, TILE, most=TILE**2):
            kernel = _kernel(x[rows] @ y[columns].T, c)
            of_x[rows] += kernel.sum(axis=1, dtype=np.float64)
            of_y[columns] = kernel.sum(axis=0, dtype=np.float64)
            squares += _sum_of_squares(kernel)
        return _Sums(of_x, of_y, squares)

    found = in_parts(analyse, n, TILE, most=TILE**2)
    of_x = np.sum([part.rows for part in found], axis=0)
    of_y = np.sum([part.columns for part in found], axis=0)
    squares = sum(part.squares for part in found)
    mean = of_x.sum() / (n * m)
    effects = of_x / m - mean, of_y / n - mean
    left = squares - n * m * mean**2 - m * np.sum(effects[0] ** 2) - n * np.sum(effects[1] ** 2)
    return _Analysis(mean, effects, max(left, 0.0) / ((n - 1) * (m - 1)))


def _sum_of_squares(kernel: Floats) -> float:
    return float(np.square(kernel, out=kernel).sum(dtype=np.float64))


def _kernel(products: Floats, c: float) -> Floats:
    """Return (t + c)^3 - c^3 of products t, which keeps the digits of a small t."""
    kernel = products + np.float32(3 * c)
    kernel *= products
    kernel += np.float32(3 * c**2)
    kernel *= products
    return kernel
