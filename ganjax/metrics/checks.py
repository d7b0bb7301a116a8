"""What every distance between sets asks of features, and says in one line where it is not so."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError


class TooFewImagesError(UserError):
    """A set has fewer images than a metric needs; `by_class` then answers NaN for that class."""


def check_features(features: ArrayLike, *, fewest: int = 1) -> NDArray[np.floating]:
    """Return the features of a set as an array, or say what is wrong with them.

    Args:
      features: real numbers `[images, features]`.
      fewest: how many images the metric needs.

    Returns:
      `[images, features]`: float32 where they were given so, otherwise float64.

    Raises:
      UserError: another shape, no feature, NaN or infinity, or no real numbers.
      TooFewImagesError: fewer images than `fewest`.
    """
    values = np.asarray(features)
    if values.ndim != 2 or 0 in values.shape:
        kind = TooFewImagesError if values.ndim == 2 and values.shape[1] else UserError
        raise kind(
            "features must be [images, features] with at least one of each; "
            f"got {list(values.shape)}"
        )
    if values.dtype.kind not in "fiub":
        raise UserError(f"features must be real numbers; got {values.dtype}")
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise UserError("features must be finite; some are NaN or infinite")
    if len(values) < fewest:
        raise TooFewImagesError(
            f"at least {fewest} images are needed on each side, not {len(values)}"
        )
    return values


def check_sets(*sets: ArrayLike, fewest: int = 1) -> list[NDArray[np.floating]]:
    """Return several sets' features as arrays of one kind, or say what is wrong with them.

    Args:
      *sets: real numbers `[images, features]` each.
      fewest: how many images the metric needs of each.

    Returns:
      An array `[images, features]` each: all float32, or all float64.

    Raises:
      UserError: as `check_features`, or the numbers of features differ.
    """
    checked = [check_features(own, fewest=fewest) for own in sets]
    sizes = [own.shape[1] for own in checked]
    if len(set(sizes)) > 1:
        raise UserError(
            f"sets of {' and of '.join(map(str, sizes))} features cannot be compared; "
            "use one feature network for all"
        )
    kind = np.result_type(*checked)
    return [own.astype(kind, copy=False) for own in checked]


def check_labels(labels: ArrayLike, images: int, classes: int) -> NDArray[np.int64]:
    """Return the labels of a set as an array, or say what is wrong with them.

    Args:
      labels: class numbers `[images]` in [0, classes).
      images: how many there must be.
      classes: how many classes there are.

    Returns:
      int64 `[images]`.

    Raises:
      UserError: another number of labels, or some that are no class numbers.
    """
    values = np.asarray(labels)
    if values.shape != (images,):
        raise UserError(f"{images} images need {images} labels; got shape {list(values.shape)}")
    if not np.issubdtype(values.dtype, np.integer):
        raise UserError(f"labels must be class numbers, integers from 0; got {values.dtype}")
    if images and not 0 <= values.min() <= values.max() < classes:
        raise UserError(
            f"labels must be class numbers from 0 to {classes - 1}; "
            f"got {values.min()} to {values.max()}"
        )
    return values.astype(np.int64)
