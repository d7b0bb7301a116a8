"""The same picture twice: within a split, under two labels, and to train on as well as to test on.

Exact duplicates have the same pixels, however they were encoded. Near duplicates are the same
picture to the eye; `ganjax.data.near` finds them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ganjax.config import Reading
from ganjax.data.dataset import Dataset, Source
from ganjax.data.hashes import first_of_equals, pixel_hashes
from ganjax.data.listing import UNLABELLED
from ganjax.data.near import MOVES, Near, near_pairs
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress, Silent

EXAMPLES = 2

SEEN = ("train", "validation", "unlabelled")
"""Parts of a source whose images a training looks at."""


class Place(NamedTuple):
    """Where an image is.

    Attributes:
      split: "train", "validation", "test" or "unlabelled".
      row: of the split, from 0.
      label: of the image; -1 where it has none.
      file: its name as found, where the source has files.
    """

    split: str
    row: int
    label: int
    file: str | None

    def __str__(self) -> str:
        return f"{self.split} image {self.row}" if self.file is None else quoted(self.file)


class Overlap(NamedTuple):
    """Which images of a split occur in it again, or in other ones.

    Attributes:
      exact: int64 `[k, 2]`, an image of the split and the first that has its pixels.
      near: int64 `[k, 2]`, the others that have a near duplicate, and the first that is it.
    """

    exact: np.ndarray
    near: np.ndarray


@dataclass(frozen=True)
class Duplicates:
    """Which images of a source are the same; all splits' images are counted through.

    Attributes:
      names: of the splits.
      splits: int64 `[n]`, which of them each image is in.
      rows: int64 `[n]`, where it is in its split.
      labels: int32 `[n]`.
      files: str objects `[n]`, or None for sources without files.
      groups: int64 `[n]`, the first image that has its pixels; itself if there is none before it.
      near: pairs of such first images that are near duplicates.
    """

    names: tuple[str, ...]
    splits: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    files: np.ndarray | None
    groups: np.ndarray
    near: Near

    def place(self, image: int) -> Place:
        """Say where an image is."""
        file = None if self.files is None else self.files[image]
        split = self.names[self.splits[image]]
        return Place(split, int(self.rows[image]), int(self.labels[image]), file)

    def exact_groups(self) -> list[np.ndarray]:
        """Return the images of each picture that occurs more than once: int64 `[2 or more]`."""
        order = np.argsort(self.groups, kind="stable")
        begins = np.flatnonzero(np.diff(self.groups[order], prepend=-1))
        return [group for group in np.split(order, begins[1:]) if len(group) > 1]

    def of_two_labels(self) -> list[np.ndarray]:
        """Return those of `exact_groups` whose images have several labels: one must be wrong."""
        return [
            group
            for group in self.exact_groups()
            if len(set(self.labels[group]) - {UNLABELLED}) > 1
        ]

    def near_of_two_labels(self) -> np.ndarray:
        """Return the near duplicates whose labels differ: int64 `[k, 2]`."""
        one, other = self.labels[self.near.pairs].T
        return self.near.pairs[(one != other) & (one >= 0) & (other >= 0)]

    def overlap(self, split: str, others: Sequence[str]) -> Overlap:
        """Find which images of a split occur in some splits, itself or others.

        Args:
          split: whose images are looked for.
          others: where; names that there are not are passed over.
        """
        own = np.flatnonzero(self._is_in([split]))
        there = np.flatnonzero(self._is_in(others))[::-1]
        first = np.full(len(self.groups), -1)
        first[self.groups[there]] = there  # of several, the last that is written stays: the first
        twin = first[self.groups[own]]
        exact = (twin >= 0) & (twin != own)

        near = np.full(len(self.groups), -1)
        for one, other in (self.near.pairs.T, self.near.pairs.T[::-1]):
            found = first[other] >= 0
            near[one[found][::-1]] = first[other[found]][::-1]
        like = near[self.groups[own]]
        only_near = ~exact & (like >= 0)
        return Overlap(
            np.stack([own[exact], twin[exact]], axis=1),
            np.stack([own[only_near], like[only_near]], axis=1),
        )

    def count(self, split: str) -> int:
        """Return how many images a split has."""
        return int(self._is_in([split]).sum())

    def _is_in(self, names: Sequence[str]) -> np.ndarray:
        return np.isin(self.splits, [i for i, name in enumerate(self.names) if name in names])


def find(
    splits: Mapping[str, Dataset], *, near: bool = True, progress: Progress | None = None
) -> Duplicates:
    """Find the exact and the near duplicates of a source.

    Args:
      splits: its images by split, all of one shape.
      near: whether to look for near duplicates; it takes ten times as long.
      progress: where to tell how far it is.
    """
    parts = list(splits.values())
    named = [own.files for own in parts if own.files is not None]
    found = Duplicates(
        tuple(splits),
        np.repeat(np.arange(len(parts)), [len(own) for own in parts]),
        np.concatenate([np.arange(len(own)) for own in parts]),
        np.concatenate([own.labels for own in parts]),
        np.concatenate(named) if len(named) == len(parts) else None,
        first_of_equals(np.concatenate([pixel_hashes(own.images) for own in parts])),
        Near(np.zeros((0, 2), np.int64), True),
    )
    return _with_near(found, splits, progress) if near else found


def _with_near(
    found: Duplicates, splits: Mapping[str, Dataset], progress: Progress | None
) -> Duplicates:
    groups = found.groups
    firsts = groups == np.arange(len(groups))
    total = len(groups) * len(MOVES)
    with (progress or Silent()).stage("look for duplicates", total, "images") as tick:
        near = near_pairs([own.images for own in splits.values()], firsts, tick=tick)
    return replace(found, near=near)


def leakage(found: Duplicates) -> Overlap:
    """Return which test images are among those that are trained on, with a label or without, or
    chosen by."""
    return found.overlap("test", SEEN)


def check_leakage(
    source: Source, reading: Reading, *, progress: Progress | None = None
) -> list[str]:
    """Look whether a source's test images are among those that are trained on or chosen by.

    Args:
      source: with or without splits of its own.
      reading: says whether exact duplicates are allowed.
      progress: where to tell how far it is.

    Returns:
      What a person should know, a line each: how many leak where that is allowed, and how many
      near duplicates there are across the splits, or at all where a part is yet to be sealed.

    Raises:
      UserError: a test image's pixels are also in another part, which is not allowed.
    """
    splits = source.splits()
    exact = find(splits, near=False)  # an error need not wait for the near ones
    lines = []
    if len(leakage(exact).exact):
        if not reading.allow_leakage:
            raise UserError(leaking_error(exact, quoted(source.train.name)))
        lines.append(f"{leaking_words(exact)}: the test is too easy (--allow-leakage)")
    found = _with_near(exact, splits, progress)
    near = near_words(found)
    return [*lines, near] if near else lines


def leaking_words(found: Duplicates) -> str:
    """Say how many test images leak, and which for example; at least one must."""
    leaks = leakage(found).exact
    where = {found.place(twin).split for twin in leaks[:, 1]}
    parts = " or ".join(name for name in SEEN if name in where)
    return (
        f"{len(leaks):,} of {found.count('test'):,} test images {_are(leaks)} in {parts} too "
        f"({_examples(found, leaks, 'is')})"
    )


def leaking_error(found: Duplicates, name: str) -> str:
    """Say that test images of the source called `name` leak, and what to do about it."""
    return (
        f"{name}: {leaking_words(found)}: remove them from one of the two, or give --allow-leakage "
        "to go on with a test that is too easy"
    )


def near_words(found: Duplicates) -> str:
    """Say how many near duplicates could make a test too easy; empty where there are none.

    Across the splits where there is a test split; otherwise at all, since a part is yet to be
    sealed.
    """
    tested = "test" in found.names
    near = leakage(found).near if tested else found.overlap("train", ("train",)).near
    if not len(near):
        return ""
    most = "" if found.near.complete else "at least "
    examples = _examples(found, near, "is like")
    if tested:
        return (
            f"{most}{len(near):,} of {found.count('test'):,} test images {_are(near)} nearly the "
            f"same as images to train on ({examples})"
        )
    return (
        f"{most}{len(near):,} of {found.count('train'):,} images are near duplicates ({examples}): "
        "of such a pair, one may be trained on and the other tested"
    )


def _examples(found: Duplicates, pairs: np.ndarray, words: str) -> str:
    """Name the images of the first pairs, each pair once."""
    different = list(dict.fromkeys(tuple(sorted(pair)) for pair in pairs.tolist()))
    turned = {tuple(sorted(pair)): pair for pair in reversed(pairs.tolist())}
    shown = [turned[pair] for pair in different[:EXAMPLES]]
    told = [f"{found.place(one)} {words} {found.place(other)}" for one, other in shown]
    return "; ".join([*told, *(["..."] if len(different) > EXAMPLES else [])])


def _are(found: np.ndarray) -> str:
    return "is" if len(found) == 1 else "are"
