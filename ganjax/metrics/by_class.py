"""A metric of two sets, class by class: what a mean over all classes hides."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.metrics.checks import TooFewImagesError, check_labels, check_sets

Floats = NDArray[np.floating]


def by_class(
    metric: Callable[[Floats, Floats], float],
    one: ArrayLike,
    one_labels: ArrayLike,
    other: ArrayLike,
    other_labels: ArrayLike,
    *,
    classes: int,
) -> NDArray[np.float64]:
    """Return a metric's value for the images of each class alone.

    A generator that makes good images under wrong labels is seen by nothing else. Classes have
    fewer images than the set: a metric that depends on the sizes reads differently.

    Args:
      metric: of two sets of features `[images, features]`, such as `sliced_wasserstein` or
        `lambda real, made: kernel_distance(real, made).value`.
      one: float `[n, d]`.
      one_labels: class numbers `[n]`.
      other: float `[m, d]`.
      other_labels: class numbers `[m]`.
      classes: how many classes there are.

    Returns:
      float64 `[classes]`; NaN for a class of which one set has no image, or too few for the metric.

    Raises:
      UserError: features that `check_sets` refuses, or labels that are no class numbers.

    Example:
      >>> def means(real, made): return float(abs(real.mean() - made.mean()))
      >>> by_class(means, [[1.0], [5.0]], [0, 1], [[1.0], [8.0]], [0, 1], classes=3).tolist()
      [0.0, 3.0, nan]
    """
    x, y = check_sets(one, other)
    x_labels = check_labels(one_labels, len(x), classes)
    y_labels = check_labels(other_labels, len(y), classes)
    values = np.full(classes, np.nan)
    for own in np.intersect1d(x_labels, y_labels):
        try:
            values[own] = metric(x[x_labels == own], y[y_labels == own])
        except TooFewImagesError:
            continue
    return values
