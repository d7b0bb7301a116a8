"""How often a classifier is right: overall, per class, and with every class counting the same.

Labels and predictions are class numbers, integers `[images]` from 0. Everything here is NumPy on
the host: it runs once per evaluation, after the device has answered.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError


def accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """The share of images whose predicted class is the true one.

    Args:
      labels: true classes, int `[images]`.
      predictions: predicted classes, int `[images]`.

    Returns:
      A number in [0, 1].

    Raises:
      UserError: the two differ in length, are empty, or are not class numbers.

    Example:
      >>> accuracy([0, 0, 0, 1], [0, 0, 0, 0])
      0.75
    """
    labels, predictions = _checked(labels, predictions)
    return float(np.mean(labels == predictions))


def class_accuracy(labels: ArrayLike, predictions: ArrayLike, classes: int) -> NDArray[np.float64]:
    """Each class's recall: the share of its images that were recognised.

    Args:
      labels: true classes, int `[images]` in [0, classes).
      predictions: predicted classes, int `[images]` in [0, classes).
      classes: how many classes there are.

    Returns:
      float64 `[classes]` in [0, 1]; NaN for a class without any image.

    Raises:
      UserError: as `accuracy`, or a class number is outside [0, classes).

    Example:
      >>> class_accuracy([0, 0, 0, 1], [0, 0, 1, 0], 3).round(2).tolist()
      [0.67, 0.0, nan]
    """
    matrix = confusion_matrix(labels, predictions, classes)
    counts = matrix.sum(axis=1)
    return np.where(counts > 0, np.diagonal(matrix) / np.maximum(counts, 1), np.nan)


def balanced_accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """The mean of the class accuracies over the classes that have images.

    A classifier that ignores the images and always answers with one class scores 1 / classes,
    however unequal the classes are.

    Args:
      labels: true classes, int `[images]`.
      predictions: predicted classes, int `[images]`.

    Returns:
      A number in [0, 1].

    Raises:
      UserError: as `accuracy`.

    Example:
      >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
      0.5
    """
    labels, predictions = _checked(labels, predictions)
    classes = int(max(labels.max(), predictions.max())) + 1
    return float(np.nanmean(class_accuracy(labels, predictions, classes)))


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, classes: int) -> NDArray[np.int64]:
    """How many images of each class (rows) were taken for each class (columns).

    Args:
      labels: true classes, int `[images]` in [0, classes).
      predictions: predicted classes, int `[images]` in [0, classes).
      classes: how many classes there are.

    Returns:
      int64 `[classes, classes]`; `matrix[true, predicted]`, summing to the number of images.

    Raises:
      UserError: as `accuracy`, or a class number is outside [0, classes).

    Example:
      >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2).tolist()
      [[1, 1], [0, 1]]
    """
    labels, predictions = _checked(labels, predictions)
    largest = int(max(labels.max(), predictions.max()))
    if largest >= classes:
        raise UserError(f"class {largest} is not one of the {classes} classes 0 to {classes - 1}")
    pairs = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def _checked(
    labels: ArrayLike, predictions: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape or labels.size == 0:
        raise UserError(
            "labels and predictions must be two non-empty lists of the same length, "
            f"one class number per image; got shapes {labels.shape} and {predictions.shape}"
        )
    for name, numbers in (("labels", labels), ("predictions", predictions)):
        if not np.issubdtype(numbers.dtype, np.integer) or numbers.min() < 0:
            raise UserError(
                f"{name} must be class numbers, integers from 0; got {numbers.dtype} "
                f"from {numbers.min()}; for logits, pass their argmax over the classes"
            )
    return labels.astype(np.int64), predictions.astype(np.int64)
