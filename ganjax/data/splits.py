"""Who may see which image: a sealed test set, small draws, their validation and unlabelled parts.

Every draw is the same for the same seed, on any machine.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from ganjax.data.dataset import Dataset, Source, Unread
from ganjax.data.hashes import duplicate_groups
from ganjax.data.sealed import SealedTest
from ganjax.errors import UserError, quoted

Some = TypeVar("Some", Dataset, Unread)

LEAST_TEST_IMAGES = 5
"""Per class: with fewer, an interval on balanced accuracy means nothing."""


LEAST_TO_HOLD_OUT = 5
"""Images of a class below which none is spared."""

MOST_HELD_OUT = 1000
"""Images of all classes that choosing needs at most."""


class Draw(NamedTuple):
    """A small labelled set: what is trained on, and what only chooses."""

    fit: Dataset
    validation: Dataset


def part(
    source: Source, *, test_fraction: float, seed: int, ledger=None
) -> tuple[Dataset, SealedTest]:
    """Seal a test set; return the pool that draws are taken from, and the sealed test.

    A source's own test split is used where there is one, and its validation split goes to the
    pool. Otherwise a part of every class is sealed, and exact copies of images leave the pool, so
    that none is on both sides of the seal, nor in two draws.

    Args:
      source: the images.
      test_fraction: part of each class to seal, where the source has no test split.
      seed: of the split.
      ledger: file where the sealed test writes down each look; None to keep it in memory.

    Returns:
      The pool and the sealed test.

    Raises:
      UserError: a class is too small to be tested.
    """
    if source.test is not None:
        pool, test = _joined(source.train, source.validation), source.test
    else:
        tested, kept = [], []
        for label, own in enumerate(_by_class(source.train)):
            shuffled = _generator(seed, "test", label).permutation(own)
            cut = round(test_fraction * len(own))
            tested.append(shuffled[:cut])
            kept.append(shuffled[cut:])
        pool = _once(source.train, np.sort(np.concatenate(kept)), np.concatenate(tested))
        test = source.train.take(np.sort(np.concatenate(tested)))
    fewest = int(np.argmin(test.counts()))
    if test.counts()[fewest] < LEAST_TEST_IMAGES:
        raise UserError(
            f"class {test.class_names[fewest]} has {test.counts()[fewest]} test images; at least "
            f"{LEAST_TEST_IMAGES} are needed: add images or raise --test-fraction"
        )
    return pool, SealedTest(test, ledger)


def draw(
    pool: Dataset,
    *,
    per_class: int,
    replicate: int,
    replicates: int,
    validation_fraction: float,
    seed: int,
    imbalance: float = 1.0,
) -> Draw:
    """Draw a small labelled set for one replicate.

    While the pool is large enough, draws of different replicates share no image, which makes them
    independent; beyond that each is drawn anew from the whole pool.

    Args:
      pool: what to draw from.
      per_class: images per class, validation included; at least 2.
      replicate: which draw, from 0.
      replicates: how many there will be.
      validation_fraction: part of the draw that chooses; at least one image per class.
      seed: of the study.
      imbalance: the first class's images to the last one's, as of `long_tail`.

    Returns:
      The draw.

    Raises:
      UserError: `per_class` is below 2 or more than a class has.
    """
    if per_class < 2:
        raise UserError(f"--per-class must be at least 2, not {per_class}: try --per-class 20")
    if not 0 <= replicate < replicates:
        raise ValueError(f"replicate {replicate} is not one of 0 to {replicates - 1}")
    wanted = long_tail(per_class, len(pool.class_names), imbalance)
    _check_enough(pool, wanted)
    fit, held = [], []
    for label, (own, count) in enumerate(zip(_by_class(pool), wanted, strict=True)):
        validation = min(max(1, round(validation_fraction * count)), count - 1)
        if count * replicates <= len(own):
            shuffled = _generator(seed, "draws", label).permutation(own)
            chosen = shuffled[replicate * count : (replicate + 1) * count]
        else:
            chosen = _generator(seed, "draw", label, replicate).permutation(own)[:count]
        held.append(chosen[:validation])
        fit.append(chosen[validation:])
    return Draw(pool.take(np.concatenate(fit)), pool.take(np.concatenate(held)))


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
    dataset: Dataset,
    per_class: int,
    *,
    unlabelled: int | Literal["rest"],
    seed: int,
    imbalance: float = 1.0,
) -> tuple[Dataset, Dataset]:
    """Draw a few labelled images of each class, and many without their labels.

    Args:
      dataset: the images.
      per_class: labelled images of each class, as `some_per_class` draws them.
      unlabelled: how many of the others go without labels, of all classes as they come; "rest"
        for all of them.
      seed: of the draw.
      imbalance: as of `some_per_class`.

    Returns:
      The labelled images, and those without: their labels are all -1.

    Raises:
      UserError: a class has fewer, or there are fewer others.
    """
    rows = _some_rows(dataset, per_class, seed, imbalance)
    others = np.setdiff1d(np.arange(len(dataset)), rows)
    if unlabelled != "rest":
        if not 0 < unlabelled <= len(others):
            raise UserError(
                f"--unlabelled must be from 1 to {len(others):,}, the images that are not drawn as "
                f"labelled ones, or rest; not {unlabelled}"
            )
        others = np.sort(_generator(seed, "unlabelled").permutation(others)[:unlabelled])
    hidden = dataset.take(others)
    return dataset.take(rows), replace(hidden, labels=np.full(len(others), -1, np.int32))


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
    of_class = _by_class(dataset)
    most = max(1, MOST_HELD_OUT // len(of_class))
    held = []
    for label, own in enumerate(of_class):
        count = min(max(1, round(fraction * len(own))), most, len(own) - 1)
        if len(own) >= LEAST_TO_HOLD_OUT:
            held.append(_generator(seed, "held out", label).permutation(own)[:count])
    rows = np.sort(np.concatenate(held)) if held else np.zeros(0, np.int64)
    return dataset.only(np.setdiff1d(np.arange(len(dataset)), rows)), dataset.only(rows)


def _some_rows(dataset: Some, per_class: int, seed: int, imbalance: float) -> np.ndarray:
    wanted = long_tail(per_class, len(dataset.class_names), imbalance)
    of_class = _by_class(dataset)
    for label, (own, count) in enumerate(zip(of_class, wanted, strict=True)):
        if len(own) < count:
            raise UserError(
                f"class {quoted(dataset.class_names[label])} has {len(own)} images, fewer than "
                f"{_asked(count, per_class)}: {_advice(wanted, of_class, per_class)}"
            )
    chosen = [
        _generator(seed, "some", label).permutation(own)[:count]
        for label, (own, count) in enumerate(zip(of_class, wanted, strict=True))
    ]
    return np.sort(np.concatenate(chosen))


def _check_enough(pool: Dataset, wanted: Sequence[int]) -> None:
    """Refuse a pool that a draw is too large for, or that no draw can be taken from."""
    of_class = _by_class(pool)
    fewest = min(range(len(of_class)), key=lambda label: len(of_class[label]))
    if len(of_class[fewest]) < 2:
        raise UserError(
            f"class {quoted(pool.class_names[fewest])} has {len(of_class[fewest])} images to train "
            "on (its test images apart); at least 2 are needed: add images or remove the class"
        )
    for label, (own, count) in enumerate(zip(of_class, wanted, strict=True)):
        if len(own) < count:
            raise UserError(
                f"class {quoted(pool.class_names[label])} has {len(own)} images to train on (its "
                f"test images apart), fewer than {_asked(count, wanted[0])}: "
                f"{_advice(wanted, of_class, wanted[0])}"
            )


def _asked(count: int, per_class: int) -> str:
    return f"{'' if count == per_class else f'the {count} of '}--per-class {per_class}"


def _advice(wanted: Sequence[int], of_class: list[np.ndarray], per_class: int) -> str:
    """Say what --per-class would do: what leaves enough for the class that lacks most."""
    part = min(len(own) / count for own, count in zip(of_class, wanted, strict=True))
    return f"give --per-class {int(part * per_class)} or less, or add images"


def _once(dataset: Dataset, rows: np.ndarray, others: np.ndarray) -> Dataset:
    """Take some rows, but no image that is among others, and each once."""
    groups = duplicate_groups(dataset.images)
    fresh = rows[~np.isin(groups[rows], groups[others])]
    _, first = np.unique(groups[fresh], return_index=True)
    return dataset.take(fresh[np.sort(first)])


def _joined(one: Dataset, other: Dataset | None) -> Dataset:
    if other is None:
        return one
    named = one.files is not None and other.files is not None
    return replace(
        one,
        images=np.concatenate([one.images, other.images]),
        labels=np.concatenate([one.labels, other.labels]),
        files=np.concatenate([one.files, other.files]) if named else None,
    )


def _by_class(dataset: Dataset | Unread) -> list[np.ndarray]:
    labels = dataset.labels
    return [np.flatnonzero(labels == c) for c in range(len(dataset.class_names))]


def _generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a stream of random numbers of its own for each purpose."""
    digest = hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
