"""Every figure of a set of images, beside what a second set of real images of that number gets.

Few can read a bare Frechet distance: it depends on the features and on the number of images. So
half of the real images nobody trained on is the reference, the other half is measured against it
as the judged images are, all three of the same number.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganjax.data.dataset import Dataset
from ganjax.data.hashes import pixel_hashes
from ganjax.errors import UserError, quoted
from ganjax.evaluate import draws
from ganjax.metrics.by_class import by_class
from ganjax.metrics.copying import authenticity, copying_statistic
from ganjax.metrics.frechet import frechet_distance, moments
from ganjax.metrics.kernel import kernel_distance
from ganjax.metrics.manifold import manifold
from ganjax.metrics.sliced import sliced_wasserstein

Features = NDArray[np.floating]

FEWEST = 10
"""Images of each kind below which no figure means anything."""


class Figure(NamedTuple):
    """What a figure is, for a person.

    Attributes:
      title: its name.
      better: which direction is better.
      words: what it tells.
    """

    title: str
    better: str
    words: str


FIGURES = {
    "frechet": Figure("Frechet distance", "lower", "how far they lie apart"),
    "kernel": Figure("kernel distance", "lower", "likewise, unbiased"),
    "sliced_wasserstein": Figure("sliced Wasserstein", "lower", "likewise, by angles"),
    "precision": Figure("precision", "higher", "part that looks real"),
    "density": Figure("density", "higher", "likewise, more robust"),
    "recall": Figure("recall", "higher", "part of the variety"),
    "coverage": Figure("coverage", "higher", "likewise, more robust"),
    "copying": Figure("copying (z)", "above -3", "far below 0: copies"),
    "authenticity": Figure("authenticity", "higher", "part not near a copy"),
    "exact_copies": Figure("exact copies", "lower", "part that is a copy"),
}
"""In the order in which they are shown."""


def _frechet(one: Features, other: Features) -> float:
    return frechet_distance(moments(one), moments(other))


PAIRWISE: dict[str, Callable[[Features, Features], float]] = {
    "frechet": _frechet,
    "kernel": lambda one, other: kernel_distance(one, other).value,
    "sliced_wasserstein": lambda one, other: sliced_wasserstein(one, other),
    "precision": lambda real, other: manifold(real, other).precision,
    "density": lambda real, other: manifold(real, other).density,
    "recall": lambda real, other: manifold(real, other).recall,
    "coverage": lambda real, other: manifold(real, other).coverage,
}
"""`(features of real images, features of others) -> figure`."""


class Labelled(NamedTuple):
    """Features of images, float `[n, d]`, and their labels, int32 `[n]`."""

    features: Features
    labels: NDArray[np.int32]


def distances(reference: Labelled, second: Labelled, judged: Labelled) -> dict[str, Any]:
    """Measure the judged images and a second set of real ones against the reference.

    Args:
      reference: real images.
      second: others.
      judged: those that are judged; all three of the same number.

    Returns:
      For each name of `PAIRWISE` its value and its floor; for the kernel distance with standard
      errors.
    """
    found: dict[str, Any] = {}
    for name, other in (("value", judged), ("floor", second)):
        kernel = kernel_distance(reference.features, other.features)
        values = {
            "frechet": _frechet(reference.features, other.features),
            "kernel": kernel.value,
            "sliced_wasserstein": sliced_wasserstein(reference.features, other.features),
            **manifold(reference.features, other.features)._asdict(),
        }
        for figure, value in values.items():
            found.setdefault(figure, {})[name] = float(value)
        found["kernel"][f"{name}_standard_error"] = float(kernel.standard_error)
    return found


def distances_by_class(
    reference: Labelled, second: Labelled, judged: Labelled, classes: int
) -> dict[str, Any]:
    """Measure the same class by class.

    Returns:
      For each name of `PAIRWISE` its values and its floors, one per class; None for a class of too
      few images.
    """
    return {
        figure: {
            name: [_number(x) for x in by_class(metric, *reference, *other, classes=classes)]
            for name, other in (("values", judged), ("floors", second))
        }
        for figure, metric in PAIRWISE.items()
    }


def copying(
    train: Features, held_out: Features, second: Features, judged: Features
) -> dict[str, Any]:
    """Measure whether images are nearer to training images than real ones are.

    Args:
      train: of the images that the judged ones may be copies of.
      held_out: of real images that nobody trained on.
      second: of others, which tell what real images get.
      judged: of those that are judged.

    Returns:
      Value and floor of "copying" (C_T as a standard normal z, arXiv 2004.05675) and of
      "authenticity" (arXiv 2102.08921).
    """
    return {
        "copying": {
            name: _number(copying_statistic(train, held_out, own).z)
            for name, own in (("value", judged), ("floor", second))
        },
        "authenticity": {
            name: _number(authenticity(train, own))
            for name, own in (("value", judged), ("floor", second))
        },
    }


class Measured(NamedTuple):
    """Figures as JSON values.

    Attributes:
      images: on how many images of each kind they rest.
      whole: for each name of `FIGURES` its "value" and "floor".
      by_class: for each name of `PAIRWISE` its "values" and "floors"; None for images without
        labels.
    """

    images: int
    whole: dict[str, Any]
    by_class: dict[str, Any] | None


def measure(
    judged: Dataset,
    test: Labelled,
    trained_on: np.ndarray,
    see: Callable[[np.ndarray], Features],
    *,
    seed: int,
    by_class: bool,
) -> Measured:
    """Measure as many judged images as there are real ones in half of the test part, or fewer.

    Args:
      judged: images to judge.
      test: real images that nobody trained on.
      trained_on: images that the judged ones may be copies of.
      see: uint8 images to features.
      seed: of what is drawn of either.
      by_class: whether the judged images have labels.

    Raises:
      UserError: there are too few images.
    """
    one, other = draws.halves(test.labels, len(judged), seed)
    if len(one) < FEWEST:
        raise UserError(
            f"only {len(one)} images a side can be compared; at least {FEWEST} are needed: give "
            f"more images of {quoted(judged.name)}, or real ones"
        )
    some = judged.take(draws.some(judged.labels, len(one), seed))
    sets = (
        Labelled(test.features[one], test.labels[one]),
        Labelled(test.features[other], test.labels[other]),
        Labelled(see(some.images), some.labels),
    )
    copies = np.isin(pixel_hashes(judged.images), pixel_hashes(trained_on))
    whole = {
        **distances(*sets),
        **copying(see(trained_on), *(own.features for own in sets)),
        "exact_copies": {"value": float(copies.mean()), "floor": None},
    }
    classes = len(judged.class_names)
    return Measured(len(one), whole, distances_by_class(*sets, classes) if by_class else None)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
