"""What is in a source, what is wrong with it, and what a study could do with it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ganjax.config import Reading
from ganjax.data import duplicates, quarantine
from ganjax.data.dataset import Dataset, Source
from ganjax.data.decode import Header
from ganjax.data.duplicates import Duplicates, Place
from ganjax.data.prospects import Study, problems, study_of, suggestions
from ganjax.errors import quoted
from ganjax.progress import Progress

MOST_LISTED = 1000
"""Groups, pairs, or images of a group that are named; all are counted."""

Named = dict[str, str | int | None]


@dataclass(frozen=True)
class Copies:
    """How many images of a split occur elsewhere.

    Attributes:
      split: whose images.
      within: the split where they occur: itself, or another.
      exact: images whose pixels occur there (within the split itself: copies beyond the first).
      near: other images that have a near duplicate there.
    """

    split: str
    within: str
    exact: int
    near: int


@dataclass(frozen=True)
class Survey:
    """What is in a source: plain values, which `dataclasses.asdict` makes JSON of.

    Attributes:
      source: its name.
      class_names: what the labels mean, as found.
      counts: images of each class, by split; without the bad ones.
      bad_counts: images of each class that cannot be used.
      bad: all of those, with split, label, file and reason, printable.
      sizes: how many images had which size, as "WIDTHxHEIGHT", the most frequent first.
      modes: likewise Pillow's mode ("L" is grey, "P" a palette, ...).
      width: what all images become, in pixels.
      height: likewise.
      channels: likewise: 1 is grey, 3 colour.
      padded: side in pixels that networks see, after padding with black.
      notes: what was done to the images, a line each.
      imbalance: the largest class to the smallest, of those to train on; None if one has none.
      copies: how many images occur more than once, within and across splits.
      duplicates: the images of each picture that occurs more than once.
      near_duplicates: pairs of images that are nearly the same, the most alike first.
      complete: False where there were too many near duplicates to look at all.
      two_labels: those of `duplicates` under more than one label.
      near_two_labels: those of `near_duplicates` under two labels.
      leaking: test images that are to be trained on or chosen by too, each with its twin.
      study: what a study could do.
      problems: why a run would refuse the source, a line each.
      suggestions: what could be better, a line each.
      drawn: labelled images of each class in the draw that was asked about, if one was.
      unlabelled: images that would go without labels beside it; else those that the source
        brings without labels, if it does.
    """

    source: str
    class_names: list[str]
    counts: dict[str, list[int]]
    bad_counts: list[int]
    bad: list[dict[str, str | int]]
    sizes: dict[str, int]
    modes: dict[str, int]
    width: int
    height: int
    channels: int
    padded: int
    notes: list[str]
    imbalance: float | None
    copies: list[Copies]
    duplicates: list[list[Named]]
    near_duplicates: list[list[Named]]
    complete: bool
    two_labels: list[list[Named]]
    near_two_labels: list[list[Named]]
    leaking: list[list[Named]]
    study: Study
    problems: list[str]
    suggestions: list[str]
    drawn: list[int] | None = None
    unlabelled: int | None = None


def survey(source: Source, reading: Reading, *, progress: Progress | None = None) -> Survey:
    """Look through a source.

    Args:
      source: read with `strict=False`, so that all that is bad of it is in `bad`.
      reading: how it was read; says what is a problem.
      progress: where to tell how far it is.
    """
    from ganjax.data.loader import pad_to_power_of_two  # and with it JAX

    train, parts = source.train, source.splits()
    height, width, channels = train.images.shape[1:]
    found = duplicates.find(parts, progress=progress)
    study = study_of(source)
    bad_counts = np.bincount(
        [bad.label for bad in source.bad if bad.label >= 0], minlength=len(train.class_names)
    )
    kinds = source.kinds or {
        Header(width, height, "L" if channels == 1 else "RGB"): sum(map(len, parts.values()))
    }
    counts = train.counts()
    return Survey(
        source=quoted(train.name),
        class_names=list(train.class_names),
        counts={n: own.counts().tolist() for n, own in parts.items() if n != "unlabelled"},
        bad_counts=bad_counts.tolist(),
        bad=quarantine.to_json(source.bad),
        sizes=_tally((f"{kind.width}x{kind.height}", count) for kind, count in kinds.items()),
        modes=_tally((kind.mode, count) for kind, count in kinds.items()),
        width=width,
        height=height,
        channels=channels,
        padded=pad_to_power_of_two(train.images[:0]).shape[1],
        notes=list(source.notes),
        imbalance=float(counts.max() / counts.min()) if counts.min() else None,
        copies=_copies(found),
        duplicates=_named(found, found.exact_groups()),
        near_duplicates=_named(found, found.near.pairs),
        complete=found.near.complete,
        two_labels=_named(found, found.of_two_labels()),
        near_two_labels=_named(found, found.near_of_two_labels()),
        leaking=_named(found, duplicates.leakage(found).exact),
        study=study,
        problems=problems(source, found, bad_counts, reading),
        suggestions=list(suggestions(source, found, study, reading)),
        unlabelled=None if source.unlabelled is None else len(source.unlabelled),
    )


def pictures(dataset: Dataset, each: int) -> list[np.ndarray]:
    """Choose images of each class to show, evenly through the set.

    Args:
      dataset: the images.
      each: how many of a class, or all where it has fewer.

    Returns:
      For each class uint8 `[at most each, height, width, channels]`.
    """
    chosen = []
    for label in range(len(dataset.class_names)):
        own = np.flatnonzero(dataset.labels == label)
        places = np.linspace(0, len(own) - 1, min(each, len(own))).round().astype(int)
        chosen.append(dataset.images[own[places]])
    return chosen


def _tally(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, count in counted:
        total[name] += count
    return dict(total.most_common())


def _copies(found: Duplicates) -> list[Copies]:
    pairs = [(name, name) for name in found.names]
    pairs += [(later, name) for i, name in enumerate(found.names) for later in found.names[i + 1 :]]
    overlaps = [(split, within, found.overlap(split, [within])) for split, within in pairs]
    return [
        Copies(split, within, len(overlap.exact), len(overlap.near))
        for split, within, overlap in overlaps
    ]


def _named(found: Duplicates, groups: Iterable[np.ndarray]) -> list[list[Named]]:
    """Name the images of groups, bounded."""
    listed = [group for group, _ in zip(groups, range(MOST_LISTED), strict=False)]
    return [[_name(found.place(image)) for image in own[:MOST_LISTED]] for own in listed]


def _name(place: Place) -> Named:
    return {**place._asdict(), "file": None if place.file is None else quoted(place.file)}
