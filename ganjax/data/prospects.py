"""What a study could do with a source, why a run would refuse it, and what could be better."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from ganjax.config import Reading, StudyConfig
from ganjax.data import duplicates, quarantine, splits
from ganjax.data.dataset import Source
from ganjax.data.duplicates import Duplicates
from ganjax.errors import UserError, quoted

FEW_IMAGES = 20
"""Of a class to train on, below which little can be learnt of it."""

FEW_TESTS = 400
"""Test images below which an accuracy of 90 % is known to no better than 3 points."""

MUCH_IMBALANCE = 10.0
SHOWN = 3


@dataclass(frozen=True)
class Study:
    """What a study of the standard preset could do.

    Attributes:
      refused: why it could do nothing; None if it could.
      test_images: in all.
      fewest_test_images: of a class.
      largest_per_class: the most that `--per-class` may be.
      independent_per_class: the most at which no two of the five draws share an image.
    """

    refused: str | None
    test_images: int = 0
    fewest_test_images: int = 0
    largest_per_class: int = 0
    independent_per_class: int = 0


def study_of(source: Source) -> Study:
    """Say what a study of the standard preset could do with a source."""
    try:
        pool, sealed = splits.part(
            source, test_fraction=StudyConfig.test_fraction, seed=StudyConfig.seed
        )
    except UserError as error:
        return Study(refused=str(error))
    fewest = int(pool.counts().min())
    return Study(
        refused=None,
        test_images=len(sealed),
        fewest_test_images=min(sealed.counts),
        largest_per_class=fewest,
        independent_per_class=fewest // StudyConfig.replicates,
    )


def problems(
    source: Source, found: Duplicates, bad_counts: np.ndarray, reading: Reading
) -> list[str]:
    """Say why a run would refuse a source, a line each.

    Args:
      source: with all that is bad of it.
      found: its duplicates.
      bad_counts: how many images of each class cannot be used: int `[classes]`.
      reading: says what is allowed.
    """
    told = []
    counts = sum((own.counts() for own in source.splits().values()), bad_counts)
    names, name = source.train.class_names, quoted(source.train.name)
    try:
        hidden = len(source.unlabelled or ()) + sum(b.split == "unlabelled" for b in source.bad)
        quarantine.settle(source.bad, counts, names, reading, name, unlabelled=hidden)
    except UserError as error:
        told.append(str(error))
    if len(duplicates.leakage(found).exact) and not reading.allow_leakage:
        told.append(duplicates.leaking_error(found, name))
    return told


def suggestions(source: Source, found: Duplicates, study: Study, reading: Reading) -> Iterator[str]:
    """Say what could be better, a line each, beyond what `problems` says.

    Args:
      source: the images.
      found: their duplicates.
      study: of `study_of`.
      reading: says what is allowed.
    """
    names, counts = source.train.class_names, source.train.counts()
    few = np.flatnonzero(counts < FEW_IMAGES)
    if len(few):
        what = "1 class has" if len(few) == 1 else f"{len(few):,} classes have"
        listed = _listed([f"{quoted(names[label])}: {counts[label]}" for label in few])
        yield f"{what} fewer than {FEW_IMAGES} images to train on ({listed}): add images"
    if study.refused is not None:
        yield f"a study would refuse it: {study.refused}"
    elif study.test_images < FEW_TESTS:
        error = 1.96 * sqrt(0.9 * 0.1 / study.test_images)
        yield (
            f"of {study.test_images:,} test images, an accuracy of 90% is known to ±{error:.1%} at "
            "best: smaller gains cannot be told; add images to test on"
        )
    if counts.min() and counts.max() > MUCH_IMBALANCE * counts.min():
        yield (
            f"the largest class has {counts.max() / counts.min():.0f} times the images of the "
            "smallest: of a study, read the balanced accuracy"
        )
    copies = len(found.overlap("train", ["train"]).exact)
    if copies:
        what = "image of train is a copy" if copies == 1 else "images of train are copies"
        yield f"{copies:,} {what} of others: remove what counts twice"
    yield from _two_labels(found, names)
    if len(duplicates.leakage(found).exact) and reading.allow_leakage:
        yield f"{duplicates.leaking_words(found)}: remove them"
    if near := duplicates.near_words(found):
        yield f"{near}: look at them"


def _two_labels(found: Duplicates, names: Sequence[str]) -> Iterator[str]:
    def told(images: np.ndarray) -> str:
        places = [place for place in map(found.place, images) if place.label >= 0]
        first = places[0]
        other = next(place for place in places if place.label != first.label)
        return f"{first} is {quoted(names[first.label])}, {other} {quoted(names[other.label])}"

    for groups, what in (
        (found.of_two_labels(), "the same picture has two labels"),
        (found.near_of_two_labels(), "nearly the same picture has two labels"),
    ):
        if len(groups):
            listed = _listed([told(group) for group in groups[:SHOWN]], len(groups))
            yield f"{what} in {_times(len(groups))} ({listed}): correct one of them"


def _listed(words: Sequence[str], count: int | None = None) -> str:
    """Return the first of some words, and how many more there are."""
    more = (count or len(words)) - SHOWN
    return "; ".join([*words[:SHOWN], *([f"{more:,} more"] if more > 0 else [])])


def _times(count: int) -> str:
    return "1 case" if count == 1 else f"{count:,} cases"
