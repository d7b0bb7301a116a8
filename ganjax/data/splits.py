"""Who may see which image: a sealed test set, small draws, their validation and unlabelled parts.

Every draw is the same for the same seed, on any machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ganjax.config import Unlabelled
from ganjax.data.dataset import Dataset, Source, joined
from ganjax.data.few import (
    LEAST_TO_HOLD_OUT,
    MOST_HELD_OUT,
    advice,
    asked,
    by_class,
    hold_out,
    long_tail,
    part_labelled,
    random_stream,
    some_per_class,
    unlabelled_part,
)
from ganjax.data.hashes import duplicate_groups
from ganjax.data.sealed import SealedTest
from ganjax.errors import UserError, quoted

__all__ = [
    "LEAST_TEST_IMAGES",
    "LEAST_TO_HOLD_OUT",
    "MOST_HELD_OUT",
    "Draw",
    "SealedTest",
    "draw",
    "hold_out",
    "long_tail",
    "part",
    "part_labelled",
    "some_per_class",
]

LEAST_TEST_IMAGES = 5
"""Per class: with fewer, an interval on balanced accuracy means nothing."""


@dataclass(frozen=True, eq=False)
class Draw:
    """A small labelled set, and perhaps many images beside it that tell no class.

    Its labelled parts are also had by `fit, validation = draw`.

    Attributes:
      fit: what is trained on.
      validation: what only chooses.
      unlabelled: other images of the pool, their labels all -1; None where none were asked for.
    """

    fit: Dataset
    validation: Dataset
    unlabelled: Dataset | None = None

    def __iter__(self) -> Iterator[Dataset]:
        return iter((self.fit, self.validation))


def part(
    source: Source, *, test_fraction: float, seed: int, ledger=None
) -> tuple[Dataset, SealedTest]:
    """Seal a test set; return the pool that draws are taken from, and the sealed test.

    A source's own test split is used where there is one, and its validation split goes to the
    pool. Otherwise a part of every class is sealed, and exact copies of images leave the pool, so
    that none is on both sides of the seal, nor in two draws. Images that the source brings without
    labels go to the pool too, the same rule for them; no draw takes them for labelled ones.

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
        pool = joined(source.train, source.validation, source.unlabelled)
        test = source.test
    else:
        tested, kept = [], []
        for label, own in enumerate(by_class(source.train)):
            shuffled = random_stream(seed, "test", label).permutation(own)
            cut = round(test_fraction * len(own))
            tested.append(shuffled[:cut])
            kept.append(shuffled[cut:])
        whole = joined(source.train, source.unlabelled)
        kept.append(np.arange(len(source.train), len(whole)))
        pool = _once(whole, np.sort(np.concatenate(kept)), np.concatenate(tested))
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
    unlabelled: Unlabelled | None = None,
) -> Draw:
    """Draw a small labelled set for one replicate.

    While the pool is large enough, draws of different replicates share no image, which makes them
    independent; beyond that each is drawn anew from the whole pool. What one replicate has with
    labels, another may have without.

    Args:
      pool: what to draw from.
      per_class: images per class, validation included; at least 2.
      replicate: which draw, from 0.
      replicates: how many there will be.
      validation_fraction: part of the draw that chooses; at least one image per class.
      seed: of the study.
      imbalance: the first class's images to the last one's, as of `long_tail`.
      unlabelled: how many of the pool's images that this draw neither trains on nor chooses by go
        without labels; "rest" for all of them, None for none. It does not change what is labelled.

    Returns:
      The draw.

    Raises:
      UserError: `per_class` is below 2 or more than a class has, or there are fewer images beside
        the draw than are to go without labels.
    """
    if per_class < 2:
        raise UserError(f"--per-class must be at least 2, not {per_class}: try --per-class 20")
    if not 0 <= replicate < replicates:
        raise ValueError(f"replicate {replicate} is not one of 0 to {replicates - 1}")
    wanted = long_tail(per_class, len(pool.class_names), imbalance)
    _check_enough(pool, wanted)
    fit, held = [], []
    for label, (own, count) in enumerate(zip(by_class(pool), wanted, strict=True)):
        validation = min(max(1, round(validation_fraction * count)), count - 1)
        if count * replicates <= len(own):
            shuffled = random_stream(seed, "draws", label).permutation(own)
            chosen = shuffled[replicate * count : (replicate + 1) * count]
        else:
            chosen = random_stream(seed, "draw", label, replicate).permutation(own)[:count]
        held.append(chosen[:validation])
        fit.append(chosen[validation:])
    hidden = None
    if unlabelled is not None:
        random = random_stream(seed, "unlabelled", replicate)
        hidden = unlabelled_part(pool, np.concatenate(fit + held), unlabelled, random)
    return Draw(pool.take(np.concatenate(fit)), pool.take(np.concatenate(held)), hidden)


def _check_enough(pool: Dataset, wanted: Sequence[int]) -> None:
    """Refuse a pool that a draw is too large for, or that no draw can be taken from."""
    of_class = by_class(pool)
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
                f"test images apart), fewer than {asked(count, wanted[0])}: "
                f"{advice(wanted, of_class, wanted[0])}"
            )


def _once(dataset: Dataset, rows: np.ndarray, others: np.ndarray) -> Dataset:
    """Take some rows, but no image that is among others, and each once."""
    groups = duplicate_groups(dataset.images)
    fresh = rows[~np.isin(groups[rows], groups[others])]
    _, first = np.unique(groups[fresh], return_index=True)
    return dataset.take(fresh[np.sort(first)])
