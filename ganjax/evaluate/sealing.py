"""Who may see which real images; what figures rest on, no generator and no judged set has had."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ganjax.data import splits
from ganjax.data.dataset import Dataset, Source
from ganjax.data.hashes import pixel_hashes
from ganjax.data.sealed import SealedTest
from ganjax.errors import UserError, quoted

LEAST_OF_CLASS = 2 * splits.LEAST_TEST_IMAGES
"""Unseen images that each class needs: enough for a reference, and as many beside it."""

VALIDATION_FRACTION = 0.1


class Sealed(NamedTuple):
    """A source's images parted.

    Attributes:
      pool: those that may be trained on.
      sealed: those for the final figures.
      tested: hashes of these, to know them by: void `[n]`.
      notes: what a person should know of it, a line each.
    """

    pool: Dataset
    sealed: SealedTest
    tested: np.ndarray
    notes: tuple[str, ...] = ()


def seal(
    source: Source, *, trained_on: np.ndarray | None, test_fraction: float, seed: int
) -> Sealed:
    """Seal a test part that has none of the images that a generator was trained on.

    It is that of `ganjax.data.splits.part`; where the generator has seen some of it, a source's own
    test split loses those, and otherwise the part is drawn from what the generator has not seen.

    Args:
      source: real images, padded to the networks' size.
      trained_on: images that a generator was trained on, padded likewise; None for none.
      test_fraction: part of each class to seal, where the source has no test split.
      seed: of the split.

    Raises:
      UserError: too few images are left that it has not seen.
    """
    seen = pixel_hashes(source.train.images[:0] if trained_on is None else trained_on)
    if source.test is not None:
        return _own_test(source, source.test, seen, seed)
    own = pixel_hashes(source.train.images)
    pool, sealed = splits.part(source, test_fraction=test_fraction, seed=seed)
    has_seen = np.isin(own, seen)
    pooled = pixel_hashes(pool.images)
    if np.isin(own[has_seen], pooled).all():
        return Sealed(pool, sealed, np.setdiff1d(own, pooled))
    train = source.train
    unseen = train.take(np.flatnonzero(~has_seen))
    _check_enough(unseen, train.name)
    fraction = min(1.0, test_fraction * len(train) / len(unseen))
    rest, sealed = splits.part(source._replace(train=unseen), test_fraction=fraction, seed=seed)
    pool = _joined(train.take(np.flatnonzero(has_seen)), rest)
    note = (
        f"the generator was trained on {has_seen.sum():,} of the {len(train):,} images of "
        f"{quoted(train.name)}: the figures rest on {len(sealed):,} others, some "
        "of which may have chosen its best state"
    )
    return Sealed(pool, sealed, np.setdiff1d(own, pixel_hashes(pool.images)), (note,))


@dataclass(frozen=True)
class Real:
    """The real side: who may see which of its images.

    Attributes:
      fit: images to train on.
      validation: images that choose.
      sealed: images for the final figures, looked at once.
    """

    fit: Dataset
    validation: Dataset
    sealed: SealedTest


def real_side(parted: Sealed, *, seed: int) -> Real:
    """Keep a part of the real images that may be trained on, to choose by: a tenth of each class.

    Args:
      parted: of `seal`.
      seed: of the split.
    """
    fit, validation = splits.hold_out(parted.pool, VALIDATION_FRACTION, seed=seed)
    return Real(fit, validation, parted.sealed)


def leave_out(judged: Dataset, parted: Sealed) -> tuple[Dataset, tuple[str, ...]]:
    """Leave out of a set the images that the figures rest on; return it, and what to say of it."""
    tested = np.isin(pixel_hashes(judged.images), parted.tested)
    if not tested.any():
        return judged, ()
    note = (
        f"{tested.sum():,} images of {quoted(judged.name)} are test images of the real side, and "
        "are left out of it"
    )
    return judged.take(np.flatnonzero(~tested)), (note,)


def _own_test(source: Source, test: Dataset, seen: np.ndarray, seed: int) -> Sealed:
    hashes = pixel_hashes(test.images)
    fresh = ~np.isin(hashes, seen)
    notes: tuple[str, ...] = ()
    if not fresh.all():
        test = test.take(np.flatnonzero(fresh))
        _check_enough(test, f"the test split of {source.train.name}")
        notes = (f"{(~fresh).sum():,} test images that the generator was trained on are left out",)
    pool, sealed = splits.part(source._replace(test=test), test_fraction=0.0, seed=seed)
    return Sealed(pool, sealed, hashes[fresh], notes)


def _check_enough(unseen: Dataset, name: str) -> None:
    counts = unseen.counts()
    fewest = int(np.argmin(counts))
    if counts[fewest] < LEAST_OF_CLASS:
        raise UserError(
            f"of class {quoted(unseen.class_names[fewest])} of {quoted(name)}, {counts[fewest]} "
            f"images are left that the generator was not trained on; {LEAST_OF_CLASS} are needed: "
            "give real images that it has not seen"
        )


def _joined(one: Dataset, other: Dataset) -> Dataset:
    return replace(
        one,
        images=np.concatenate([one.images, other.images]),
        labels=np.concatenate([one.labels, other.labels]),
        files=None,
    )
