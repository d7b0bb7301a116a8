"""Are generated images copies of the training images: two answers from nearest neighbours."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError
from ganjax.metrics.checks import check_sets
from ganjax.metrics.neighbours import nearest
from ganjax.metrics.products import Floats, squared_distances

FEWEST = 5
"""Held-out and generated images that a cell needs to count."""
PER_CELL, MOST_CELLS = 50, 20
STEPS, LEARNT = 25, 100
"""Steps of the k-means, and images per cell that it sees: any partition will do."""


class Copying(NamedTuple):
    """How much nearer to the training images generated ones lie than held-out ones do.

    Attributes:
      statistic: C_T, the mean of the cells' z, weighted by their held-out images. Far below 0:
        copies; far above: the generator underfits. NaN where no cell counts. Its spread under the
        null hypothesis shrinks with the number of cells; use `z` to test.
      z: the same sum divided by its standard deviation: standard normal where generated images
        lie as near to the training images as held-out ones do, in every cell.
      cells: float64 `[cells]`, each cell's z; NaN for one that does not count.
      held_out: int64 `[cells]`, how many held-out images each has.
      generated: int64 `[cells]`, how many generated ones.
    """

    statistic: float
    z: float
    cells: NDArray[np.float64]
    held_out: NDArray[np.int64]
    generated: NDArray[np.int64]


def copying_statistic(
    train: ArrayLike,
    held_out: ArrayLike,
    generated: ArrayLike,
    *,
    cells: int | None = None,
    seed: int = 0,
) -> Copying:
    """Test whether a generator copies: the C_T statistic of Meehan et al., arXiv 2004.05675.

    Each image's distance to its nearest training image is taken. In each cell of a k-means
    partition of the training images, the distances of generated and of held-out images there are
    compared by a Mann-Whitney test. That it is done by cells matters: a generator may copy in one
    region and underfit in another. Ties, such as several exact copies at distance 0, are allowed
    for in the variance. Other than the authors' program it takes the nearest of all training
    images, not of those in the cell, corrects no z for continuity, and counts every cell with 5
    images of either set.

    The rank of a distance is all that counts, so it tells little of a small share of copies. And
    images that repeat each other are not as many witnesses: of a collapsed generator, z strays
    further from 0 than a standard normal does.

    Args:
      train: features of the images that the generator was trained on, float `[l, d]`.
      held_out: of real images that it was not trained on, float `[n, d]`, n at least 5.
      generated: of its samples, float `[m, d]`, m at least 5.
      cells: how many cells; by default one per 50 images of the smaller set, at most 20.
      seed: of the k-means.

    Returns:
      The statistic, and what it is made of.

    Raises:
      UserError: features that `check_sets` refuses, or fewer than 1 cell or more than training
        images.
      TooFewImagesError: fewer than 5 held-out or generated images.
    """
    known, fresh, samples = check_sets(train, held_out, generated)
    check_sets(fresh, samples, fewest=FEWEST)
    if cells is None:
        fewest = min(len(fresh), len(samples))
        cells = min(max(fewest // PER_CELL, 1), MOST_CELLS, len(known))
    if not 1 <= cells <= len(known):
        raise UserError(
            f"cells must be from 1 to the {len(known)} training images there are, not {cells}"
        )
    distances = [nearest(own, known).distances[:, 0] for own in (fresh, samples)]
    places = _cells(known, (fresh, samples), cells, seed)
    counts = [np.bincount(own, minlength=cells) for own in places]
    z = np.full(cells, np.nan)
    for cell in np.flatnonzero(np.minimum(*counts) >= FEWEST):
        real, made = (own[place == cell] for own, place in zip(distances, places, strict=True))
        z[cell] = mann_whitney(made, real)
    counted = ~np.isnan(z)
    weights = counts[0][counted] / len(fresh)
    together = float(weights @ z[counted]) if counted.any() else np.nan
    return Copying(
        statistic=float(together / weights.sum()) if counted.any() else np.nan,
        z=float(together / np.linalg.norm(weights)) if counted.any() else np.nan,
        cells=z,
        held_out=counts[0],
        generated=counts[1],
    )


def mann_whitney(one: ArrayLike, other: ArrayLike) -> float:
    """Return the Mann-Whitney U statistic as a z: below 0 where `one` tends to be the smaller.

    Args:
      one: numbers `[n]`.
      other: numbers `[m]`.

    Returns:
      (U - n m / 2) / its standard deviation under the null hypothesis, corrected for ties; 0 where
      all numbers are equal.

    Raises:
      TooFewImagesError: one of them is empty.

    Example:
      >>> round(mann_whitney([1.0, 2.0], [3.0, 4.0]), 2)
      -1.55
    """
    one, other = (np.asarray(own, dtype=np.float64) for own in (one, other))
    n, m = len(one), len(other)
    check_sets(one[:, None], other[:, None])
    _, place, tied = np.unique(
        np.concatenate([one, other]), return_inverse=True, return_counts=True
    )
    ranks = np.cumsum(tied) - (tied - 1) / 2
    u = ranks[place[:n]].sum() - n * (n + 1) / 2
    total = n + m
    ties = np.sum(tied.astype(np.float64) ** 3 - tied) / (total * (total - 1))
    variance = n * m / 12 * (total + 1 - ties)
    return float((u - n * m / 2) / np.sqrt(variance)) if variance > 0 else 0.0


def authenticity(train: ArrayLike, generated: ArrayLike) -> float:
    """Return the share of generated images that are no copies of a training image.

    Alaa et al. 2022, arXiv 2102.08921: a generated image counts as a copy where it lies at least as
    near to its nearest training image as that one's nearest other training image does. An exact
    copy always does, and many a good new image too: held-out real images score well below 1, how
    far depends on the features. Their score is what to expect of a sound generator.

    Args:
      train: features of the images that the generator was trained on, float `[l, d]`, l at least 2.
      generated: of its samples, float `[m, d]`.

    Returns:
      A number in [0, 1].

    Raises:
      UserError: features that `check_sets` refuses.
      TooFewImagesError: fewer than 2 training images.

    Example:
      >>> authenticity([[0.0], [4.0]], [[0.0], [3.0], [9.0]])
      0.3333333333333333
    """
    known, samples = check_sets(train, generated)
    found = nearest(samples, known)
    spacing = nearest(known, known, apart_from_self=True).distances[:, 0]
    return float(np.mean(found.distances[:, 0] > spacing[found.indices[:, 0]]))


def _cells(
    known: Floats, sets: tuple[Floats, ...], cells: int, seed: int
) -> list[NDArray[np.int64]]:
    """Return in which cell of a partition of the training images each image of other sets lies."""
    if cells == 1:
        return [np.zeros(len(own), np.int64) for own in sets]
    middle = known.mean(axis=0, dtype=np.float64)
    centres = _k_means(known - middle, cells, seed)
    return [_closest(own - middle, centres) for own in sets]


def _k_means(images: Floats, cells: int, seed: int) -> Floats:
    """Return the centres of a partition: Lloyd's steps from k-means++ seeds, the same everywhere.

    In float64 and without threads that add up in any order, so that no image changes its cell from
    run to run. A cell that loses its images keeps its centre.
    """
    rng = np.random.default_rng(seed)
    images = images[rng.permutation(len(images))[: cells * LEARNT]]
    lengths = squared_distances(images, 0)
    chosen, left = [int(rng.integers(len(images)))], np.full(len(images), np.inf)
    while len(chosen) < cells:
        apart = lengths - 2 * (images @ images[chosen[-1]]) + lengths[chosen[-1]]
        left = np.minimum(left, np.maximum(apart, 0))
        odds = left / left.sum() if left.any() else None
        chosen.append(int(rng.choice(len(images), p=odds)))
    centres = images[chosen]
    place = _closest(images, centres)
    for _ in range(STEPS):
        members = (place == np.arange(cells)[:, None]).astype(np.float64)
        counts = members.sum(axis=1, keepdims=True)
        centres = np.where(counts > 0, members @ images / np.maximum(counts, 1), centres)
        before, place = place, _closest(images, centres)
        if np.array_equal(before, place):
            break
    return centres


def _closest(images: Floats, centres: Floats) -> NDArray[np.int64]:
    return np.argmax(images @ centres.T - squared_distances(centres, 0) / 2, axis=1)
