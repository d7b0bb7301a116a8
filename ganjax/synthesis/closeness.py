"""How near generated images lie to the training images, so that copies stand out.

For each image, how near its nearest training image is, in units of how far away what else lies
there is:

    closeness(x) = min(d(x, train), d(mirror x, train)) / min(d(x, held-out), d_5(x, train))

with d the distance to the nearest image of a set and d_5 that to the fifth nearest. A copy is near
to one training image alone; an image that is merely typical is near to many, held-out ones too.
Held-out real images, each compared with the others, show how small this gets without any copying:
an image is called a copy where its closeness is at most that of the closest 1 % of them. So of 100
images that are none, one is called a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganjax.data.dataset import Dataset, Unread
from ganjax.data.hashes import grey
from ganjax.errors import UserError
from ganjax.metrics.neighbours import nearest

See = Callable[[np.ndarray], np.ndarray]
"""uint8 images `[n, height, width, channels]` to features, float `[n, d]`."""

NEIGHBOURS = 5
"""The rank of the training image that tells how far images lie apart around a sample: beyond the
second, as a training image that is there twice must not hide its copies."""

FALSE_ALARMS = 0.01
"""Share of images that are no copies, and are called copies all the same."""

FEWEST = NEIGHBOURS + 1
"""Training images that there must be."""

ENOUGH = 100
"""Held-out images that are enough to calibrate by; to fewer, training images are added, each left
out in turn."""

MOST_LEFT_OUT = 1000
"""Training images that are added at most."""

MOST_COMPARED = 50_000
"""Training images that are compared with at most: of 16x16 pictures, 51 MB."""

AT_A_TIME = 256
"""Images in memory."""

SIDE = 16
"""Pixels a side of the pictures that are compared."""

LEAST_DETAIL = 1e-2
"""Norm of a picture below which there is none but rounding: a pixel that is one level off makes
more in an image of 128 pixels a side."""


class Closeness(NamedTuple):
    """How near some images lie to the training images.

    Attributes:
      ratio: float64 `[n]`, 0 for an exact copy.
      nearest: int64 `[n]`, which training image is the nearest.
      mirrored: bool `[n]`, whether it is nearer to the mirrored image.
    """

    ratio: np.ndarray
    nearest: np.ndarray
    mirrored: np.ndarray


@dataclass(frozen=True)
class Auditor:
    """What generated images are compared with.

    Attributes:
      see: the features that they are compared by.
      train: those of the training images, float32 `[l, d]`.
      all_trained_on: how many training images there are; more than l where there are too many.
      held_out: features of the held-out images, float32 `[n, d]`; may be empty.
      left_out: how many training images, each left out in turn, are calibrated on too.
      calibration: the closeness of all of these, float64 `[n + left_out]`, ascending.
      false_alarms: share of real images that may be called copies.
    """

    see: See
    train: np.ndarray
    all_trained_on: int
    held_out: np.ndarray
    left_out: int
    calibration: np.ndarray
    false_alarms: float

    @property
    def threshold(self) -> float:
        """The closeness up to which an image is called a copy."""
        count = len(self.calibration)
        return float(self.calibration[max(1, int(self.false_alarms * count)) - 1])

    def closeness(self, images: np.ndarray) -> Closeness:
        """Return how near images lie to the training images.

        Args:
          images: uint8 `[n, height, width, channels]`, none of which was trained on.
        """
        return _closeness(_both_ways(self.see, images), self.train, self.held_out)

    def copies(self, closeness: Closeness) -> np.ndarray:
        """Say which images are called copies: bool `[n]`."""
        return closeness.ratio <= self.threshold


def auditor(
    train: Dataset | Unread,
    held_out: Dataset | Unread | None,
    *,
    see: See | None = None,
    false_alarms: float = FALSE_ALARMS,
    most: int = MOST_COMPARED,
    seed: int = 0,
) -> Auditor:
    """Make ready to compare images with training images, a part of which is in memory at a time.

    Args:
      train: the training images, at least 6.
      held_out: real images that were not trained on. Where there are fewer than 100, or None,
        training images are calibrated on too, each compared with all others.
      see: the features to compare by; `pictures` by default, by which more kinds of copies are
        found than by a classifier's features (experiments/copy_audit.py). Features that were learnt
        on the training images need 100 held-out images, since they tell one from the other.
      false_alarms: share of images that are no copies and may be called copies all the same, in
        (0, 1); of few held-out images the closest one decides.
      most: training images that are compared with at most; of more, some are chosen.
      seed: of which are chosen.

    Raises:
      UserError: there are fewer than 6 training images, or `false_alarms` is out of range.
    """
    if len(train) < FEWEST:
        raise UserError(f"an audit needs at least {FEWEST} training images, not {len(train)}")
    if not 0 < false_alarms < 1:
        raise UserError(f"the share of false alarms must be in (0, 1), not {false_alarms}")
    see = see or pictures
    shuffled = np.random.default_rng(seed).permutation(len(train))
    chosen = np.sort(shuffled[:most])
    known = np.concatenate([see(train.take(rows).images) for rows in _parts(chosen)]).astype(
        np.float32, copy=False
    )
    every = list(_parts(np.arange(0 if held_out is None else len(held_out))))
    both = (
        [] if held_out is None else [_both_ways(see, held_out.take(some).images) for some in every]
    )
    fresh = np.concatenate([known[:0], *(straight for straight, _ in both)])
    compared = [
        _closeness(images, known, fresh, own_held_out=some)
        for images, some in zip(both, every, strict=True)
    ]
    left_out = np.zeros(0, np.int64)
    if len(fresh) < ENOUGH:
        left_out = np.flatnonzero(np.isin(chosen, shuffled[:MOST_LEFT_OUT]))
        compared += [
            _closeness(_both_ways(see, train.take(chosen[some]).images), known, fresh, own=some)
            for some in _parts(left_out)
        ]
    calibration = np.sort(np.concatenate([part.ratio for part in compared]))
    return Auditor(see, known, len(train), fresh, len(left_out), calibration, false_alarms)


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + AT_A_TIME] for start in range(0, len(rows), AT_A_TIME)]


def pictures(images: np.ndarray) -> np.ndarray:
    """See images as small grey pictures, whatever their brightness and contrast.

    Args:
      images: uint8 `[n, height, width, channels]`.

    Returns:
      float32 `[n, d]`: the grey levels, averaged over a grid of at most 16 cells a side, less their
      mean, and of unit length; 0 for an image without any detail.
    """
    rows, columns = (_cells(size) for size in images.shape[1:3])
    found = (rows @ grey(images) @ columns.T).reshape(len(images), -1)
    found -= found.mean(axis=1, keepdims=True)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), LEAST_DETAIL)


def _cells(size: int) -> np.ndarray:
    """Return what part of each cell each pixel of a side is: float32 `[cells, size]`."""
    cells = min(SIDE, size)
    edges, pixels = np.linspace(0, size, cells + 1)[:, None], np.arange(size)
    shared = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return (np.maximum(shared, 0) * (cells / size)).astype(np.float32)


def _both_ways(see: See, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of images as they are, and mirrored."""
    return tuple(
        np.asarray(see(np.ascontiguousarray(own)), np.float32)
        for own in (images, images[:, :, ::-1])
    )  # type: ignore[return-value]


def _closeness(
    both: tuple[np.ndarray, np.ndarray],
    train: np.ndarray,
    held_out: np.ndarray,
    *,
    own: np.ndarray | None = None,
    own_held_out: np.ndarray | None = None,
) -> Closeness:
    """Compare images, as they are and mirrored, with training and held-out images.

    Args:
      both: their features `[n, d]`, as they are and mirrored.
      train: features `[l, d]`.
      held_out: features `[m, d]`; may be empty.
      own: int `[n]`, which training image each of them is, and is not compared with.
      own_held_out: likewise of the held-out images.
    """
    count, twice = len(both[0]), np.concatenate(both)
    found, which = _nearest_others(twice, train, NEIGHBOURS, own)
    mirrored = found[count:, 0] < found[:count, 0]
    distances = np.where(mirrored[:, None], found[count:], found[:count])
    around = distances[:, -1]
    if len(held_out) > (own_held_out is not None):
        fresh, _ = _nearest_others(twice, held_out, 1, own_held_out)
        around = np.minimum(around, fresh.reshape(2, count).min(axis=0))
    closest = distances[:, 0]
    ratio = np.divide(closest, around, out=np.zeros_like(closest), where=around > 0)
    return Closeness(ratio, np.where(mirrored, which[count:, 0], which[:count, 0]), mirrored)


def _nearest_others(
    queries: np.ndarray, base: np.ndarray, count: int, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest of a base that are not the query itself: distances and rows `[n, count]`.

    Args:
      queries: features `[n, d]`.
      base: features `[m, d]`.
      count: how many to find, or as many as there are.
      own: which of the base each query is, for the first queries and, mirrored, for as many others.
    """
    if own is None:
        found = nearest(queries, base, count=min(count, len(base)))
        return found.distances, found.indices
    count = min(count, len(base) - 1)
    found = nearest(queries, base, count=count + 1)
    itself = found.indices == np.tile(own, 2)[:, None]
    itself[:, -1] |= ~itself.any(axis=1)  # where it is not among them, the farthest goes
    shape = (len(queries), count)
    return found.distances[~itself].reshape(shape), found.indices[~itself].reshape(shape)
