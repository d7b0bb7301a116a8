"""The nearest of one set of features to each of another: exact, and fast by matrix products."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError
from ganjax.metrics.checks import TooFewImagesError, check_sets
from ganjax.metrics.products import Centred, Floats, centred, in_parts, squared_distances

SPARE = 4
"""Candidates looked at beyond those asked for, so that rounding seldom decides who is nearest."""
GROUP = 16
"""Images of which only the best is looked at before the candidates are known."""


class Nearest(NamedTuple):
    """Who is nearest to each of the queries, the nearest first.

    Attributes:
      distances: float64 `[n, k]`, Euclidean, ascending.
      indices: int64 `[n, k]`, rows of the base.
    """

    distances: NDArray[np.float64]
    indices: NDArray[np.int64]


def nearest(
    queries: ArrayLike, base: ArrayLike, *, count: int = 1, apart_from_self: bool = False
) -> Nearest:
    """Find the nearest of a base to each query, by Euclidean distance.

    Products in float32 find the candidates; their distances are differences in float64, so that a
    copy is at exactly 0. Where rounding could have hidden a nearer one, which a bound on the error
    tells, that query's candidates are found again in float64.

    Args:
      queries: float `[n, d]`.
      base: float `[m, d]`.
      count: k, how many to find for each.
      apart_from_self: whether query i is image i of the base and must not be its own neighbour;
        another image that is equal to it may be.

    Returns:
      Distances and indices `[n, k]`; which of equally near ones are told is left open.

    Raises:
      UserError: features that `check_sets` refuses, `count` below 1, or `apart_from_self` with
        sets of different sizes.
      TooFewImagesError: the base has fewer than `count` images to choose from.

    Example:
      >>> nearest([[0.0], [9.0]], [[1.0], [7.0], [9.0]]).indices.ravel().tolist()
      [0, 2]
    """
    one, other = check_sets(queries, base)
    if count < 1:
        raise UserError(f"the number of neighbours must be at least 1, not {count}")
    if apart_from_self and len(one) != len(other):
        raise UserError(
            "with apart_from_self, queries and base must be one set; "
            f"got {len(one)} and {len(other)} images"
        )
    choice = len(other) - apart_from_self
    if choice < count:
        raise TooFewImagesError(f"{count} neighbours need more than {choice} images to choose from")
    own = np.arange(len(one)) if apart_from_self else None
    found, certain = _search(one, other, count, own, np.float32)
    if not certain.all():
        again = np.flatnonzero(~certain)
        own = own[again] if own is not None else None
        better, _ = _search(one[again], other, count, own, np.float64)
        found.distances[again], found.indices[again] = better
    return found


def _search(
    queries: Floats, base: Floats, count: int, own: NDArray | None, kind: type[np.floating]
) -> tuple[Nearest, NDArray[np.bool_]]:
    """Find neighbours with products of a kind; also say of each query whether it is certain."""
    sets = centred(queries, base, kind)
    kept = min(count + SPARE, len(base) - (own is not None))
    candidates, others_from = _candidates(sets, kept, own)
    distances = np.empty((len(queries), count))
    indices = np.empty((len(queries), count), np.int64)

    def measure(rows: slice) -> None:
        squares = squared_distances(base[candidates[rows]], queries[rows, None])
        order = np.argsort(squares, axis=1, kind="stable")[:, :count]
        distances[rows] = np.sqrt(np.take_along_axis(squares, order, axis=1))
        indices[rows] = np.take_along_axis(candidates[rows], order, axis=1)

    in_parts(measure, len(queries), kept * base.shape[1])
    certain = (distances[:, -1] / sets.unit) ** 2 <= others_from
    return Nearest(distances, indices), certain


def _candidates(
    sets: Centred, kept: int, own: NDArray | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each query's likely nearest, and the squared distance below which no other lies."""
    choice = len(sets.other)
    columns = -(-choice // GROUP)
    kind = sets.one.dtype
    half = np.full(GROUP * columns, np.inf, kind)
    half[:choice] = sets.other_squares / 2
    base = np.zeros((len(half), sets.one.shape[1]), kind)
    base[:choice] = sets.other
    indices = np.empty((len(sets.one), kept), np.int64)
    last = np.empty(len(sets.one))

    def choose(rows: slice) -> None:
        score = sets.one[rows] @ base.T
        score -= half  # (|x|^2 - |x - y|^2) / 2: the nearest score highest
        if own is not None:
            score[np.arange(len(score)), own[rows]] = -np.inf
        indices[rows], last[rows] = _highest(score, kept)

    in_parts(choose, len(indices), len(base))
    if kept == choice - (own is not None):
        return indices, np.full(len(last), np.inf)
    return indices, sets.one_squares - 2 * last - 2 * sets.rounding()


def _highest(score: Floats, kept: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the columns of each row's highest scores, ascending, and the lowest of those scores.

    As many groups of columns as are wanted, taken by their highest scores, hold all of the highest:
    so few are left to sort.
    """
    groups = score.reshape(len(score), GROUP, -1)
    if kept < groups.shape[2]:
        best = np.argpartition(groups.max(axis=1), -kept, axis=1)[:, -kept:]
    else:
        best = np.broadcast_to(np.arange(groups.shape[2]), (len(score), groups.shape[2]))
    columns = (best[:, None] + groups.shape[2] * np.arange(GROUP)[:, None]).reshape(len(score), -1)
    few = np.take_along_axis(score, columns, axis=1)
    order = np.argpartition(few, -kept, axis=1)[:, -kept:]
    lowest = np.take_along_axis(few, order[:, :1], axis=1)[:, 0]
    return np.sort(np.take_along_axis(columns, order, axis=1), axis=1), lowest
