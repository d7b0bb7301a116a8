"""Who may see which image: a sealed test set, small draws, their validation parts."""

import hashlib
from typing import NamedTuple, TypeVar

import numpy as np

from ganjax.data.sealed import SealedTest
from ganjax.data.sources import Dataset, Source, Unread
from ganjax.errors import UserError

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

    A source's own test split is used where there is one; otherwise a part of every class is
    sealed, the same for the same seed on any machine.

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
        pool, test = source.train, source.test
    else:
        tested, kept = [], []
        for label, own in enumerate(_by_class(source.train)):
            shuffled = _generator(seed, "test", label).permutation(own)
            cut = round(test_fraction * len(own))
            tested.append(shuffled[:cut])
            kept.append(shuffled[cut:])
        pool = source.train.take(np.sort(np.concatenate(kept)))
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
) -> Draw:
    """Draw a small labelled set for one replicate, the same for the same seed on any machine.

    While the pool is large enough, draws of different replicates share no image, which makes them
    independent; beyond that each is drawn anew from the whole pool.

    Args:
      pool: what to draw from.
      per_class: images per class, validation included; at least 2.
      replicate: which draw, from 0.
      replicates: how many there will be.
      validation_fraction: part of the draw that chooses; at least one image per class.
      seed: of the study.

    Returns:
      The draw.

    Raises:
      UserError: `per_class` is below 2 or more than a class has.
    """
    if per_class < 2:
        raise UserError(f"--per-class must be at least 2, not {per_class}: try --per-class 20")
    if not 0 <= replicate < replicates:
        raise ValueError(f"replicate {replicate} is not one of 0 to {replicates - 1}")
    counts = pool.counts()
    fewest = int(np.argmin(counts))
    if counts[fewest] < 2:
        raise UserError(
            f"class {pool.class_names[fewest]} has {counts[fewest]} images to train on (its test "
            "images apart); at least 2 are needed: add images or remove the class"
        )
    if counts[fewest] < per_class:
        raise UserError(
            f"class {pool.class_names[fewest]} has {counts[fewest]} images to train on (its test "
            f"images apart), fewer than --per-class {per_class}: give --per-class "
            f"{counts[fewest]} or less, or add images"
        )
    validation = min(max(1, round(validation_fraction * per_class)), per_class - 1)
    fit, held = [], []
    for label, own in enumerate(_by_class(pool)):
        if per_class * replicates <= len(own):
            shuffled = _generator(seed, "draws", label).permutation(own)
            chosen = shuffled[replicate * per_class : (replicate + 1) * per_class]
        else:
            chosen = _generator(seed, "draw", label, replicate).permutation(own)[:per_class]
        held.append(chosen[:validation])
        fit.append(chosen[validation:])
    return Draw(pool.take(np.concatenate(fit)), pool.take(np.concatenate(held)))


def some_per_class(dataset: Some, per_class: int, *, seed: int) -> Some:
    """Draw `per_class` images of each class, the same for the same seed on any machine.

    Args:
      dataset: the images; those that are unread stay so.
      per_class: how many.
      seed: of the draw.

    Raises:
      UserError: a class has fewer.
    """
    of_class = _by_class(dataset)
    counts = [len(own) for own in of_class]
    fewest = int(np.argmin(counts))
    if counts[fewest] < per_class:
        raise UserError(
            f"class {dataset.class_names[fewest]} has {counts[fewest]} images, fewer than "
            f"--per-class {per_class}: give --per-class {counts[fewest]} or less, or add images"
        )
    chosen = [
        _generator(seed, "some", label).permutation(own)[:per_class]
        for label, own in enumerate(of_class)
    ]
    rows = np.sort(np.concatenate(chosen))
    return dataset.only(rows)


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


def _by_class(dataset: Dataset | Unread) -> list[np.ndarray]:
    labels = dataset.labels
    return [np.flatnonzero(labels == c) for c in range(len(dataset.class_names))]


def _generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a stream of random numbers of its own for each purpose."""
    digest = hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
