"""Inner products of two large sets of features, a block at a time, and how exact they are.

A squared distance is |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, so that a fast matrix product finds almost
all that neighbours need to know. It cancels where two images are near each other. So features are
centred and scaled first, and `rounding` bounds the error: what lies within it is looked at again by
differences.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
T = TypeVar("T")
BLOCK = 2**22
"""Products that are made together: 16 MB in float32."""


class Centred(NamedTuple):
    """Two sets about the mean of the second, in a unit in which the longest has length 1.

    Attributes:
      one: `[n, d]`.
      other: `[m, d]`.
      one_squares: float64 `[n]`, their squared lengths, at most 1.
      other_squares: float64 `[m]`.
      unit: the length of the longest, in the unit of the features.
    """

    one: Floats
    other: Floats
    one_squares: NDArray[np.float64]
    other_squares: NDArray[np.float64]
    unit: float

    def rounding(self) -> NDArray[np.float64]:
        """Bound the error of `x.y - |y|^2 / 2` for each x and any y: float64 `[n]`.

        With u the unit roundoff, d products and their sum are off by at most about d u |x||y|, and
        rounding the features adds 2 u |x||y|; all else is a few roundings of numbers near 1.
        """
        unit_roundoff = np.finfo(self.one.dtype).eps / 2
        lengths, longest = np.sqrt(self.one_squares), np.sqrt(self.other_squares.max())
        return unit_roundoff * ((self.one.shape[1] + 2) * lengths * longest + 8)


def centred(one: Floats, other: Floats, kind: type[np.floating]) -> Centred:
    """Return two sets about the mean of the second, scaled, and rounded to a kind of number.

    Args:
      one: `[n, d]`.
      other: `[m, d]`.
      kind: `np.float32` or `np.float64`.
    """
    mean = other.mean(axis=0, dtype=np.float64)
    moved = [own - mean for own in (one, other)]
    squares = [np.einsum("ij,ij->i", own, own) for own in moved]
    unit = float(np.sqrt(max(own.max() for own in squares))) or 1.0
    for own in moved:
        own /= unit
    first, second = (own.astype(kind, copy=False) for own in moved)
    return Centred(first, second, squares[0] / unit**2, squares[1] / unit**2, unit)


def in_parts(
    work: Callable[[slice], T], count: int, width: int, *, most: int | None = None
) -> list[T]:
    """Do some work on slices of rows, on all cores; return what it gives, in the rows' order.

    Args:
      work: takes a slice, may write only what belongs to its rows, and must not hold Python up.
      count: how many rows there are.
      width: numbers that the work makes of each row.
      most: numbers that it may make at a time; by default `BLOCK`.
    """
    slices = list(parts(count, width, most=most))
    if len(slices) == 1:
        return [work(slices[0])]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # One core per slice: products that share all cores leave them idle for the rest of the work
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, slices))


def parts(count: int, width: int, *, most: int | None = None) -> Iterator[slice]:
    """Yield slices of `count` rows of some width, each of at most `most` numbers or `BLOCK`."""
    step = max(1, (most or BLOCK) // width)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def squared_distances(one: Floats, other: Floats | float) -> NDArray[np.float64]:
    """Return the squared distances of `[..., d]` to `[..., d]`, by differences in float64."""
    apart = np.subtract(one, other, dtype=np.float64)
    return np.einsum("...j,...j->...", apart, apart)
