"""Near duplicates: one picture compressed again, resized, a little brighter, noisy or moved.

Perceptual hashes propose pairs, and pixels decide. A pair is proposed where at most `NEAR_BITS` of
64 bits differ; each image is also looked at moved by one pixel to the right and down, because a
hash of few pixels does not bear that. Rather than compare all with all, images are compared that
agree in every bit of one of `BANDS` bands: two hashes that differ in fewer bits than there are
bands agree in one at least (the pigeonhole principle), and most of those that differ in a few more.

Decided is on the grey levels, averaged over a coarse grid: one picture must become the other by a
little more or less contrast and brightness, up to a residual. Images without detail are passed
over. What this finds and how often it is wrong: `python -m experiments.benchmarks.duplicates`.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from ganjax.data.hashes import AT_A_TIME, grey, perceptual_hashes
from ganjax.progress import Tick

NEAR_BITS = 7
BANDS = 5
MOVES = ((0, 0), (0, 1), (1, 0))
"""Rows and columns that an image is moved by before it is compared with the others as they are."""

SMALLEST = 8
"""Pixels a side below which an image has no eight frequencies."""

GRID = 10
"""Cells a side of the grid that pixels are averaged over; the outermost pixels are left out."""

LEAST_CORRELATION = 0.97
MOST_RESIDUAL = 5.0
"""In grey levels of 255, root mean square over the grid, after the best contrast and brightness."""

MOST_COLOUR = 10.0
"""Likewise, of what colours differ beyond their grey level."""

LEAST_OF_CONTRAST = 0.85
"""What the one's contrast must be of the other's."""

LEAST_CONTRAST = 2.0
"""Standard deviation over the grid, in grey levels, below which an image has no detail."""

MOST_COMPARED, MOST_PROPOSED, MOST_PAIRS = 200_000_000, 1_000_000, 200_000
"""Hashes compared and pairs proposed for one move and band, and pairs found for one move: 60,000
images all alike would make 1,800,000,000."""


class Near(NamedTuple):
    """Near duplicates.

    Attributes:
      pairs: int64 `[pairs, 2]`, the lower place first, the most alike pairs first.
      complete: False where so many were proposed that some were not looked at.
    """

    pairs: np.ndarray
    complete: bool


class _Look(NamedTuple):
    """What images are compared by: `hashes` `[n]`, grids of unit length `[n, cells]`, contrasts."""

    hashes: np.ndarray
    grids: np.ndarray
    contrasts: np.ndarray


def near_pairs(
    splits: Sequence[np.ndarray], among: np.ndarray, *, tick: Tick = lambda done, note="": None
) -> Near:
    """Find the images that are nearly the same.

    Args:
      splits: uint8 `[n, height, width, channels]` each, of one shape; places count through all of
        them. Of images below 8 pixels a side nothing is found.
      among: bool `[all]`, which images take part: one of each exact group is enough.
      tick: told how many images have been looked at, each once for each of `MOVES`.

    Returns:
      The pairs of places.
    """
    count = len(among)
    if not count or min(splits[0].shape[1:3]) < SMALLEST:
        return Near(np.zeros((0, 2), np.int64), True)
    still = _look(splits, MOVES[0], tick, 0)
    places = np.flatnonzero(among & (still.contrasts >= LEAST_CONTRAST))
    base = _taken(still, places)
    codes, residuals, complete = [], [], True
    for turn, move in enumerate(MOVES):
        probe = _taken(_look(splits, move, tick, turn * count), places) if turn else base
        pairs, whole = _proposed(probe.hashes, base.hashes, same=turn == 0)
        pairs, residual = _alike(probe, base, pairs)
        complete &= whole and len(pairs) <= MOST_PAIRS
        most_alike = np.argsort(residual, kind="stable")[:MOST_PAIRS]
        pairs, residual = places[pairs[most_alike]], residual[most_alike]
        own = _same_colours(splits, pairs, move)
        codes.append(pairs[own].min(axis=1) * count + pairs[own].max(axis=1))
        residuals.append(residual[own])
    code = np.concatenate(codes)
    code = code[np.lexsort((code, np.concatenate(residuals)))]
    _, first = np.unique(code, return_index=True)
    return Near(np.stack(np.divmod(code[np.sort(first)], count), axis=1), complete)


def _look(splits: Sequence[np.ndarray], move: tuple[int, int], tick: Tick, before: int) -> _Look:
    hashes, grids = [], []
    for images in chain.from_iterable(map(_pieces, splits)):
        moved = _moved(images, move)
        hashes.append(perceptual_hashes(moved))
        grids.append(_grid(grey(moved)[..., None]).reshape(len(images), -1))
        before += len(images)
        tick(before)
    grid = np.concatenate(grids)
    grid -= grid.mean(axis=1, keepdims=True)
    contrasts = grid.std(axis=1)
    grid /= np.maximum(np.linalg.norm(grid, axis=1, keepdims=True), 1e-9)
    return _Look(np.concatenate(hashes), grid, contrasts)


def _taken(look: _Look, places: np.ndarray) -> _Look:
    return _Look(*(values[places] for values in look))


def _moved(images: np.ndarray, move: tuple[int, int]) -> np.ndarray:
    """Return images `[n, height, width, channels]` moved up and left, their last edge repeated."""
    down, right = move
    if down:
        images = np.concatenate([images[:, 1:], images[:, -1:]], axis=1)
    if right:
        images = np.concatenate([images[:, :, 1:], images[:, :, -1:]], axis=2)
    return images


def _grid(images: np.ndarray) -> np.ndarray:
    """Average over the grid's cells, without the outermost pixels: `[n, channels, cells]`."""
    inner = np.moveaxis(images[:, 1:-1, 1:-1].astype(np.float32), -1, 1)
    rows, columns = _cells(inner.shape[-2]), _cells(inner.shape[-1])
    return (rows @ inner @ columns.T).reshape(*inner.shape[:2], -1)


def _cells(size: int) -> np.ndarray:
    """Return what part of each cell each pixel of a side is: `[cells, size]`."""
    cells = min(GRID, size)
    edges = np.linspace(0, size, cells + 1)[:, None]
    begin, end = np.maximum(edges[:-1], np.arange(size)), np.minimum(edges[1:], np.arange(size) + 1)
    return (np.maximum(end - begin, 0) * (cells / size)).astype(np.float32)


def _proposed(probe: np.ndarray, base: np.ndarray, *, same: bool) -> tuple[np.ndarray, bool]:
    """Find the pairs of places in `probe` and `base`, both uint64 `[n]`, whose hashes are near.

    Args:
      probe: hashes.
      base: hashes to compare them with.
      same: whether these are the same; then each pair is found once.

    Returns:
      int64 `[pairs, 2]`, and whether these are all that the bands propose.
    """
    found, complete = [np.zeros(0, np.int64)], True
    for band in range(BANDS):
        # every fifth bit, since neighbouring frequencies know of one another
        mask = np.uint64(sum(1 << bit for bit in range(band, 64, BANDS)))
        order = np.argsort(base & mask, kind="stable")
        keys = (base & mask)[order]
        if same:
            who, at = order, np.arange(1, len(base) + 1)
        else:
            who, at = np.arange(len(probe)), np.searchsorted(keys, probe & mask, "left")
        end = np.searchsorted(keys, probe[who] & mask, "right")
        compared = proposed = 0
        # all look at the next one ahead, then all at the one after, ...: where the end comes too
        # soon, nobody has been left out
        while len(who := who[own := at < end]):
            at, end = at[own], end[own]
            other = order[at]
            near = np.bitwise_count(probe[who] ^ base[other]) <= NEAR_BITS
            near &= who != other
            found.append(who[near] * len(base) + other[near])
            compared += len(who)
            proposed += int(near.sum())
            if compared > MOST_COMPARED or proposed > MOST_PROPOSED:
                complete = False
                break
            at = at + 1
    code = np.unique(np.concatenate(found))
    return np.stack(np.divmod(code, len(base)), axis=1) if len(base) else code.reshape(
        0, 2
    ), complete


def _alike(probe: _Look, base: _Look, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs whose grids are alike, and their residuals in grey levels."""
    kept, residuals = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    for some in _pieces(pairs):
        one, other = some.T
        correlation = np.einsum("pc,pc->p", probe.grids[one], base.grids[other]).clip(-1, 1)
        contrast = np.stack([probe.contrasts[one], base.contrasts[other]])
        residual = contrast.min(axis=0) * np.sqrt(1 - correlation**2)
        own = (
            (correlation >= LEAST_CORRELATION)
            & (residual <= MOST_RESIDUAL)
            & (contrast.min(axis=0) >= LEAST_OF_CONTRAST * contrast.max(axis=0))
        )
        kept.append(some[own])
        residuals.append(residual[own])
    return np.concatenate(kept), np.concatenate(residuals)


def _same_colours(
    splits: Sequence[np.ndarray], pairs: np.ndarray, move: tuple[int, int]
) -> np.ndarray:
    """Say of pairs of places whether their colours are the same too: bool `[pairs]`."""
    if splits[0].shape[-1] == 1 or not len(pairs):
        return np.ones(len(pairs), bool)
    ones, one = np.unique(pairs[:, 0], return_inverse=True)
    others, other = np.unique(pairs[:, 1], return_inverse=True)
    moved, still = _colours(splits, ones, move), _colours(splits, others, (0, 0))
    apart = [
        np.sqrt(np.square(moved[some] - still[with_]).mean(axis=1))
        for some, with_ in zip(_pieces(one), _pieces(other), strict=True)
    ]
    return np.concatenate(apart) <= MOST_COLOUR


def _colours(splits: Sequence[np.ndarray], places: np.ndarray, move: tuple[int, int]) -> np.ndarray:
    """Return what the colours of some images are beyond their grey level: `[places, values]`."""
    found = []
    for some in _pieces(places):
        images = _moved(_at(splits, some), move)
        grids = _grid(images) - _grid(grey(images)[..., None])
        found.append(grids.reshape(len(some), -1))
    return np.concatenate(found)


def _pieces(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(values), AT_A_TIME):
        yield values[start : start + AT_A_TIME]


def _at(splits: Sequence[np.ndarray], places: np.ndarray) -> np.ndarray:
    found = np.empty((len(places), *splits[0].shape[1:]), np.uint8)
    begin = 0
    for images in splits:
        own = (begin <= places) & (places < begin + len(images))
        found[own] = images[places[own] - begin]
        begin += len(images)
    return found
