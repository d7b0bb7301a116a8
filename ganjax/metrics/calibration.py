"""How far a classifier's confidence can be trusted, and the one number that mends most of it.

Modern networks are surer than they are right. A temperature t divides their logits before the
softmax: above 1 they become less sure, below 1 surer, and no prediction changes (arXiv 1706.04599).
Everything here is float64 NumPy on the host.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError
from ganjax.metrics.checks import check_labels

Floats = NDArray[np.float64]

BINS = 15
"""Bins of confidence, as in arXiv 1706.04599."""

LOWEST, HIGHEST, GRID = 0.05, 20.0, 41
"""Temperatures that are looked through, and how many of them before the nearest is refined."""

SPREAD = 0.5
"""Of the logarithm of temperatures, before any image is seen: two in three lie in 0.6 to 1.65."""


class Reliability(NamedTuple):
    """How often images were right, by how sure the classifier was of them.

    Attributes:
      confidence: float64 `[bins]`, mean of the largest probabilities in each bin; NaN where it has
        no image.
      accuracy: float64 `[bins]`, the part of these images that was right; NaN likewise.
      counts: int64 `[bins]`, images in each bin.
    """

    confidence: Floats
    accuracy: Floats
    counts: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error."""
        there = self.counts > 0
        gaps = np.abs(self.accuracy[there] - self.confidence[there])
        return float(np.sum(self.counts[there] * gaps) / self.counts.sum())


def temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature that makes a held-out part the likeliest (arXiv 1706.04599, section 4.2).

        t = argmin sum_i -log softmax(z_i / t)[y_i] + (log t)^2 / (2 s^2),    s = 1/2

    The last term is a weak belief that logits are about right as they are, log t normal about 0. It
    keeps a few images from asking for much, and images that are all right from asking for t = 0 and
    boundless confidence; among hundreds of images it counts for nothing.

    Args:
      logits: float `[images, classes]`, of images that were not trained on.
      labels: true classes, int `[images]` in [0, classes).

    Returns:
      The temperature, from 0.05 to 20; 1 where no other is better.

    Raises:
      UserError: no image, fewer than two classes, logits that are not finite, or no class numbers.

    Example:
      >>> round(temperature([[4.0, 0.0]] * 4, [0, 0, 0, 1]), 2)  # of sigmoid(4 / t) near 3 / 4
      1.57
    """
    from scipy.optimize import minimize_scalar

    z = _checked(logits, "logits")
    y = check_labels(labels, *z.shape)
    z = z - z.max(axis=1, keepdims=True)
    right = float(np.sum(z[np.arange(len(z)), y]))

    def loss(log_t: float) -> float:
        t = np.exp(log_t)
        likelihood = right / t - np.sum(np.log(np.exp(z / t).sum(axis=1)))
        return float(log_t**2 / (2 * SPREAD**2) - likelihood)

    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), GRID)
    near = int(np.argmin([loss(log_t) for log_t in grid]))
    bounds = grid[max(near - 1, 0)], grid[min(near + 1, GRID - 1)]
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, *, bins: int = BINS
) -> float:
    """The mean distance of a classifier's confidence from its accuracy (arXiv 1706.04599, eq. 3).

        ECE = sum_m |B_m| / n * |accuracy(B_m) - confidence(B_m)|

    B_m are the images whose largest probability lies in ((m - 1) / M, m / M], for M bins of equal
    width; their confidence is the mean of it, their accuracy the part of them that is right.

    Args:
      probabilities: float `[images, classes]` in [0, 1], each row summing to 1.
      labels: true classes, int `[images]` in [0, classes).
      bins: M.

    Returns:
      A number in [0, 1]: 0 where confidence and accuracy agree in every bin. Few images in many
      bins make it larger by chance alone.

    Raises:
      UserError: as of `reliability`.

    Example:
      >>> round(expected_calibration_error([[0.9, 0.1]] * 4, [0, 0, 0, 1]), 3)  # 0.9 - 3 / 4
      0.15
    """
    return reliability(probabilities, labels, bins=bins).error


def reliability(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = BINS) -> Reliability:
    """Confidence and accuracy by bins of confidence: what a reliability diagram is drawn from.

    Args: as of `expected_calibration_error`.

    Returns:
      The bins, from the least sure to the surest.

    Raises:
      UserError: no image, fewer than two classes, no probabilities, or no class numbers.
    """
    p = _checked(probabilities, "probabilities")
    if p.min() < 0 or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        raise UserError(
            "probabilities must lie in [0, 1], and those of an image sum to 1; for logits, pass "
            "their softmax"
        )
    if bins < 1:
        raise UserError(f"bins must be at least 1, not {bins}")
    y = check_labels(labels, *p.shape)
    sure = np.minimum(p.max(axis=1), 1.0)
    right = p.argmax(axis=1) == y
    own = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(own, minlength=bins)
    some = np.maximum(counts, 1)
    confidence, accuracy = (
        np.where(counts > 0, np.bincount(own, weights=values, minlength=bins) / some, np.nan)
        for values in (sure, right)
    )
    return Reliability(confidence, accuracy, counts)


def _checked(values: ArrayLike, name: str) -> Floats:
    found = np.asarray(values, np.float64)
    if found.ndim != 2 or not len(found) or found.shape[1] < 2:
        raise UserError(
            f"{name} must be [images, classes], with at least 1 image and 2 classes; got "
            f"{list(found.shape)}"
        )
    if not np.isfinite(found).all():
        raise UserError(f"{name} must be finite; some are NaN or infinite")
    return found
