"""Samples that pass a screen, as many of each class as are wanted, whatever is dropped.

Samples are made in groups of `BATCH`, each of which is filled by itself: image i of a seed is the
same whatever the count and whichever image comes first, and no more than a group is in memory. Who
fails the screen is replaced within the group. The first round of a group makes what would be made
without a screen; each further one makes candidates for the places that are still open, in turn.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from ganjax.errors import UserError, quoted
from ganjax.progress import Progress, Silent
from ganjax.synthesis.sample import BATCH, Drawn, labels_in_turn, sampled
from ganjax.training import GAN, GANState
from ganjax.typing import Key

KEPT, COPY, UNSELECTED = 0, 1, 2
"""What a screen says of a sample: that it is kept, or why not."""

Screen = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""`(images uint8 [k, ...], labels int32 [k], scores float32 [k]) -> int8 [k]` of these; it judges
each by itself."""

MOST_ROUNDS = 50
"""Rounds after which a group's open places are given up: 50 candidates for each, and more where
few are open."""

REPLACEMENTS = 2**32 - 2
"""What the key of replacements is folded in with: no image has that number."""

EXAMPLES = 8
"""Dropped samples of each class and reason that are kept to be shown."""


class Unfilled(UserError):
    """A class cannot be filled.

    Attributes:
      found: what was found, in words, without the advice.
      copies: whether most of its candidates were dropped as copies, rather than as not selected.
    """

    def __init__(self, found: str, copies: bool):
        advice = (
            "give --keep-copies, or train on more images with T(x)"
            if copies
            else "give a larger --keep-fraction, or --select none"
        )
        super().__init__(f"{found}: {advice}")
        self.found, self.copies = found, copies


class Dropped(NamedTuple):
    """Samples that did not pass.

    Attributes:
      images: uint8 `[k, height, width, channels]`.
      labels: int32 `[k]`.
      reasons: int8 `[k]`, `COPY` or `UNSELECTED`.
    """

    images: np.ndarray
    labels: np.ndarray
    reasons: np.ndarray


class Sifted(NamedTuple):
    """Samples that passed, as they come.

    Attributes:
      images: uint8 `[k, height, width, channels]`.
      scores: float32 `[k]`, the discriminator's logits.
      candidates: int32 `[k]`, which of its group's candidates each is: below `BATCH` what would
        have been made without a screen, above it a replacement.
      copies: int32 `[k]`, candidates that were dropped before it as copies.
      unselected: int32 `[k]`, candidates that were dropped before it as not selected.
      dropped: those that were dropped.
    """

    images: np.ndarray
    scores: np.ndarray
    candidates: np.ndarray
    copies: np.ndarray
    unselected: np.ndarray
    dropped: Dropped


def sifted(
    gan: GAN,
    state: GANState,
    key: Key,
    labels: np.ndarray,
    screen: Screen,
    *,
    first: int = 0,
    class_names: Sequence[str] = (),
) -> Iterator[Sifted]:
    """Draw one image per label that passes a screen, group by group.

    Args:
      gan: the GAN's functions.
      state: its trained state.
      key: a typed key.
      labels: int32 `[count]`, of all images from number 0 on.
      screen: says of samples which are kept.
      first: the number of the first image that is wanted.
      class_names: what the labels mean, for errors.

    Yields:
      At most `BATCH` images at a time.

    Raises:
      Unfilled: a class cannot be filled.
    """
    labels = np.asarray(labels, np.int32)
    whole = continued(labels, -(-len(labels) // BATCH) * BATCH)
    begin = first - first % BATCH
    again = jax.random.fold_in(key, REPLACEMENTS)
    for start, drawn in zip(
        range(begin, len(labels), BATCH),
        sampled(gan, state, key, whole, first=begin, scored=True),
        strict=False,
    ):
        group_key = jax.random.fold_in(again, start // BATCH)

        def replace(turn: int, wanted: np.ndarray, group_key: Key = group_key) -> Drawn:
            own = jax.random.fold_in(group_key, turn)
            return next(sampled(gan, state, own, wanted, scored=True))

        end = min(len(labels) - start, BATCH)
        group = _fill(drawn, whole[start : start + BATCH], end, replace, screen, class_names)
        own = slice(max(first - start, 0), end)
        yield group._replace(
            images=group.images[own],
            scores=group.scores[own],
            candidates=group.candidates[own],
            copies=group.copies[own],
            unselected=group.unselected[own],
        )


def continued(labels: np.ndarray, length: int) -> np.ndarray:
    """Return labels with those that follow: the classes go on taking turns.

    Args:
      labels: int32 `[count]`, classes that take turns, or any others; not empty if `length` is not.
      length: at least `count`.

    Returns:
      int32 `[length]`.
    """
    there = np.bincount(labels) > 0
    turns = labels_in_turn(there * -(-length // max(1, there.sum())))[:length]
    return turns if np.array_equal(turns[: len(labels)], labels) else np.resize(labels, length)


def _fill(
    drawn: Drawn,
    labels: np.ndarray,
    end: int,
    replace: Callable[[int, np.ndarray], Drawn],
    screen: Screen,
    class_names: Sequence[str],
) -> Sifted:
    """Fill a group's places, those before `end` at least."""
    assert drawn.scores is not None
    images, scores = np.array(drawn.images), np.array(drawn.scores)
    numbers = np.full((3, len(labels)), -1, np.int32)  # candidates, copies, unselected
    numbers[1:] = 0
    aims = np.arange(len(labels))  # the place of each candidate
    dropped: list[Dropped] = []
    for turn in range(MOST_ROUNDS):
        assert drawn.scores is not None
        reasons = np.asarray(screen(drawn.images, labels[aims], drawn.scores))
        tried = []
        for candidate, place in enumerate(aims):
            if numbers[0, place] >= 0:
                continue
            if reasons[candidate] == KEPT:
                images[place], scores[place] = drawn.images[candidate], drawn.scores[candidate]
                numbers[0, place] = turn * BATCH + candidate
            else:
                numbers[reasons[candidate], place] += 1
                tried.append(candidate)
        tried = [candidate for candidate in tried if aims[candidate] < end]
        dropped.append(Dropped(drawn.images[tried], labels[aims[tried]], reasons[tried]))
        still_open = np.flatnonzero(numbers[0] < 0)
        if not (still_open < end).any():
            candidates, copies, unselected = numbers
            return Sifted(images, scores, candidates, copies, unselected, _joined(dropped))
        aims = np.resize(still_open, len(labels))
        drawn = replace(turn + 1, labels[aims])
    raise _unfilled(labels[:end], numbers[:, :end], class_names)


def _unfilled(labels: np.ndarray, numbers: np.ndarray, class_names: Sequence[str]) -> Unfilled:
    """Say which class cannot be filled, and what to do about it."""
    lacking = numbers[0] < 0
    label = int(labels[lacking][0])
    own = labels == label
    copies, unselected = (int(counts[own].sum()) for counts in numbers[1:])
    name = quoted(class_names[label]) if label < len(class_names) else str(label)
    return Unfilled(
        f"class {name} cannot be filled: of {copies + unselected + int((own & ~lacking).sum()):,} "
        f"candidates {copies:,} were copies of training images and {unselected:,} were not "
        "selected",
        copies > unselected,
    )


def _joined(dropped: Sequence[Dropped]) -> Dropped:
    return Dropped(*map(np.concatenate, zip(*dropped, strict=True)))


class Selection(NamedTuple):
    """All images that were wanted, and what was thrown away for them.

    Attributes:
      images: uint8 `[count, height, width, channels]`.
      labels: int32 `[count]`.
      copies: int64 `[classes]`, how many were dropped as copies.
      unselected: int64 `[classes]`, how many were dropped as not selected.
      examples: some that were dropped, at most 8 of each class and reason.
    """

    images: np.ndarray
    labels: np.ndarray
    copies: np.ndarray
    unselected: np.ndarray
    examples: Dropped


def sift(
    gan: GAN,
    state: GANState,
    key: Key,
    labels: np.ndarray,
    screen: Screen,
    *,
    class_names: Sequence[str],
    progress: Progress | None = None,
) -> Selection:
    """Draw one image per label that passes a screen, all at once.

    Args: as of `sifted`, and
      progress: where to tell how far it is.

    Raises:
      Unfilled: a class cannot be filled.
    """
    labels = np.asarray(labels, np.int32)
    kept: list[np.ndarray] = []
    dropped: list[Dropped] = []
    totals, done = np.zeros((2, len(class_names)), np.int64), 0
    with (progress or Silent()).stage("generate", len(labels), "images") as tick:
        for group in sifted(gan, state, key, labels, screen, class_names=class_names):
            own = labels[done : done + len(group.images)]
            for total, counts in zip(totals, (group.copies, group.unselected), strict=True):
                np.add.at(total, own, counts)
            kept.append(group.images)
            dropped = [_some_of_each(_joined([*dropped, group.dropped]))]
            done += len(group.images)
            tick(done)
    return Selection(np.concatenate(kept), labels, totals[0], totals[1], dropped[0])


def _some_of_each(dropped: Dropped) -> Dropped:
    kinds = dropped.labels.astype(np.int64) * (UNSELECTED + 1) + dropped.reasons
    chosen = [np.flatnonzero(kinds == kind)[:EXAMPLES] for kind in np.unique(kinds)]
    rows = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
    return Dropped(*(values[rows] for values in dropped))
