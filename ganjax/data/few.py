"""A few labelled images of each class, what is held out of them, and the others without labels.

Every draw is the same for the same seed, on any machine.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ganjax.config import Unlabelled
from ganjax.data.dataset import Dataset, Unread
from ganjax.data.hashes import pixel_hashes
from ganjax.errors import UserError, quoted

Some = TypeVar("Some", Dataset, Unread)

LEAST_TO_HOLD_OUT = 5
"""Images of a class below which none is spared."""

MOST_HELD_OUT = 1000
"""Images of all classes that choosing needs at most."""


def long_tail(per_class: int, classes: int, imbalance: float) -> list[int]:
    """Return how many images each class gets where their numbers fall exponentially.

    Args:
      per_class: images of the first class.
      classes: how many there are; at least 2.
      imbalance: F, where the first class gets F times as many as the last; 1 gives all the same.

    Returns:
      For class c of C, `per_class * F ** (-c / (C - 1))`, rounded; at least 2.
    """
    if not imbalance >= 1:
        raise UserError(
            f"--imbalance must be at least 1 (the largest class to the smallest), not {imbalance}"
        )
    falls = imbalance ** (-np.arange(classes) / (classes - 1))
    return [int(count) for count in np.maximum(np.round(per_class * falls), min(2, per_class))]


def some_per_class(dataset: Some, per_class: int, *, seed: int, imbalance: float = 1.0) -> Some:
    """Draw `per_class` images of each class, or fewer and fewer.

    Args:
      dataset: the images; those that are unread stay so.
      per_class: how many.
      seed: of the draw.
      imbalance: the first class's images to the last one's, as of `long_tail`.

    Raises:
      UserError: a class has fewer.
    """
    return dataset.only(_some_rows(dataset, per_class, seed, imbalance))


def part_labelled(
    dataset: Some,
    per_class: int | None,
    *,
    unlabelled: Unlabelled,
    seed: int,
    imbalance: float = 1.0,
) -> tuple[Some, Some]:
    """Draw a few labelled images of each class, and many without their labels.

    Args:
      dataset: the images; those that are unread stay so.
      per_class: labelled images of each class, as `some_per_class` draws them; None for all that
        have a label, where there are others that have none.
      unlabelled: as of `unlabelled_part`.
      seed: of the draw.
      imbalance: as of `some_per_class`.

    Returns:
      The labelled images, and those without: their labels are all -1.

    Raises:
      UserError: a class has fewer, or there are fewer others.
    """
    if per_class is None:
        rows = np.flatnonzero(dataset.labels >= 0)
        if len(rows) == len(dataset):
            raise UserError(
                f"--unlabelled needs --per-class, as {quoted(dataset.name)} has no images without "
                "labels of its own: try --per-class 20"
            )
    else:
        rows = _some_rows(dataset, per_class, seed, imbalance)
    return dataset.only(rows), unlabelled_part(
        dataset, rows, unlabelled, random_stream(seed, "unlabelled")
    )


def unlabelled_part(
    dataset: Some,
    labelled: np.ndarray,
    unlabelled: Unlabelled,
    random: np.random.Generator,
) -> Some:
    """Take images of which a draw shows no label: others than its own.

    Args:
      dataset: what was drawn from; images in it that have no label are taken like any other.
      labelled: the rows that the draw took, be it to train on or to choose by.
      unlabelled: how many of the others, of all classes as they come; "rest" for all of them.
      random: which of them.

    Returns:
      The images, unread where the data set is; their labels are all -1.

    Raises:
      UserError: there are fewer others, or none.
    """
    others = np.setdiff1d(np.arange(len(dataset)), labelled)
    if not len(others):
        raise UserError(
            f"--unlabelled {unlabelled}: the labelled draw takes all {len(labelled):,} images of "
            f"{quoted(dataset.name)}, and none is left: give a smaller --per-class, or more images"
        )
    if unlabelled != "rest":
        if not 0 < unlabelled <= len(others):
            raise UserError(
                f"--unlabelled must be from 1 to {len(others):,}, the images that are not drawn as "
                f"labelled ones, or rest; not {unlabelled}"
            )
        others = np.sort(random.permutation(others)[:unlabelled])
    if isinstance(dataset, Dataset):
        others = _without_copies(dataset, others, labelled, random)
    return dataset.only(others).without_labels()


def _without_copies(
    dataset: Dataset, others: np.ndarray, labelled: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Put other images in place of those with the very pixels of a labelled one.

    Else an image that only chooses, or is trained on, would come again without its label. As many
    as before are left, so that all draws are alike.
    """
    copies = np.isin(pixel_hashes(dataset.images[others]), pixel_hashes(dataset.images[labelled]))
    if not copies.any() or copies.all():
        return others
    return np.sort(np.where(copies, random.choice(others[~copies], len(others)), others))


def hold_out(dataset: Some, fraction: float, *, seed: int) -> tuple[Some, Some]:
    """Keep a part of each class from training, to choose by: the same for the same seed.

    Args:
      dataset: the images; those that are unread stay so.
      fraction: of each class, in (0, 1). A class of fewer than `LEAST_TO_HOLD_OUT` images keeps
        them all, and of large sets no more is held out than choosing takes.
      seed: of the split.

    Returns:
      What is left to train on, and what is held out.
    """
    of_class = by_class(dataset)
    most = max(1, MOST_HELD_OUT // len(of_class))
    held = []
    for label, own in enumerate(of_class):
        count = min(max(1, round(fraction * len(own))), most, len(own) - 1)
        if len(own) >= LEAST_TO_HOLD_OUT:
            held.append(random_stream(seed, "held out", label).permutation(own)[:count])
    rows = np.sort(np.concatenate(held)) if held else np.zeros(0, np.int64)
    return dataset.only(np.setdiff1d(np.arange(len(dataset)), rows)), dataset.only(rows)


def by_class(dataset: Dataset | Unread) -> list[np.ndarray]:
    """Return the rows of each class: int64 `[n]` each."""
    labels = dataset.labels
    return [np.flatnonzero(labels == c) for c in range(len(dataset.class_names))]


def random_stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return a stream of random numbers of its own for each purpose."""
    digest = hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def asked(count: int, per_class: int) -> str:
    """Say what was asked of a class that has too few images."""
    return f"{'' if count == per_class else f'the {count} of '}--per-class {per_class}"


def advice(wanted: Sequence[int], of_class: list[np.ndarray], per_class: int) -> str:
    """Say what --per-class would do: what leaves enough for the class that lacks most."""
    part = min(len(own) / count for own, count in zip(of_class, wanted, strict=True))
    return f"give --per-class {int(part * per_class)} or less, or add images"


def _some_rows(dataset: Some, per_class: int, seed: int, imbalance: float) -> np.ndarray:
    wanted = long_tail(per_class, len(dataset.class_names), imbalance)
    of_class = by_class(dataset)
    for label, (own, count) in enumerate(zip(of_class, wanted, strict=True)):
        if len(own) < count:
            raise UserError(
                f"class {quoted(dataset.class_names[label])} has {len(own)} images, fewer than "
                f"{asked(count, per_class)}: {advice(wanted, of_class, per_class)}"
            )
    chosen = [
        random_stream(seed, "some", label).permutation(own)[:count]
        for label, (own, count) in enumerate(zip(of_class, wanted, strict=True))
    ]
    return np.sort(np.concatenate(chosen))
