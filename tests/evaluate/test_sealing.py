"""The test part holds no image that a generator, or the judged set, has had."""

from dataclasses import replace

import numpy as np
import pytest

from ganjax.data import splits
from ganjax.data.dataset import Dataset, Source
from ganjax.data.hashes import pixel_hashes
from ganjax.errors import UserError
from ganjax.evaluate.sealing import leave_out, real_side, seal

RNG = np.random.default_rng(0)
ALL = Dataset(
    "toy",
    RNG.integers(0, 256, (200, 8, 8, 1)).astype(np.uint8),
    np.arange(200, dtype=np.int32) % 4,
    ("a", "b", "c", "d"),
)


def opened(sealed) -> np.ndarray:
    """The images under the seal."""
    found = []
    sealed.judge(0, {}, lambda images: found.append(images) or np.zeros(len(images)))
    return found[0]


def share(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.isin(pixel_hashes(one), pixel_hashes(other)).sum())


def test_where_nobody_has_seen_any_it_is_the_studys_split():
    found = seal(Source(ALL), trained_on=None, test_fraction=0.4, seed=3)
    pool, sealed = splits.part(Source(ALL), test_fraction=0.4, seed=3)
    assert found.sealed.fingerprint == sealed.fingerprint
    assert np.array_equal(found.pool.images, pool.images)
    assert found.notes == ()


def test_a_study_s_own_pool_leaves_its_split_as_it_is():
    pool, sealed = splits.part(Source(ALL), test_fraction=0.4, seed=3)
    found = seal(Source(ALL), trained_on=pool.images[:20], test_fraction=0.4, seed=3)
    assert found.sealed.fingerprint == sealed.fingerprint


def test_what_a_generator_was_trained_on_is_never_tested_on():
    seen = ALL.images[:120]
    found = seal(Source(ALL), trained_on=seen, test_fraction=0.4, seed=0)
    images = opened(found.sealed)
    assert len(images) == 80
    assert share(images, seen) == share(images, found.pool.images) == 0
    assert share(found.pool.images, seen) == 120
    assert set(found.tested.tolist()) == set(pixel_hashes(images).tolist())
    assert found.notes == (
        "the generator was trained on 120 of the 200 images of toy: the figures rest on 80 others, "
        "some of which may have chosen its best state",
    )


def test_of_a_source_s_own_test_split_what_was_trained_on_is_left_out():
    train, test = ALL.take(np.arange(120)), ALL.take(np.arange(120, 200))
    found = seal(Source(train, test), trained_on=test.images[:8], test_fraction=0.4, seed=0)
    assert share(opened(found.sealed), test.images[:8]) == 0
    assert len(found.sealed) == 72
    assert found.notes == ("8 test images that the generator was trained on are left out",)
    assert len(found.pool) == 120


def test_a_generator_that_has_seen_all_cannot_be_judged():
    with pytest.raises(UserError, match=r"class a of toy, 2 images are left .* 10 are needed"):
        seal(Source(ALL), trained_on=ALL.images[:190], test_fraction=0.4, seed=0)


def test_test_images_are_left_out_of_the_judged_set():
    parted = seal(Source(ALL), trained_on=None, test_fraction=0.4, seed=0)
    judged, notes = leave_out(replace(ALL, name="mine"), parted)
    assert share(judged.images, opened(parted.sealed)) == 0
    assert len(judged) == 120
    assert notes == ("80 images of mine are test images of the real side, and are left out of it",)
    assert leave_out(judged, parted) == (judged, ())


def test_what_chooses_is_not_trained_on():
    parted = seal(Source(ALL), trained_on=None, test_fraction=0.4, seed=0)
    side = real_side(parted, seed=0)
    assert share(side.fit.images, side.validation.images) == 0
    assert side.validation.counts().tolist() == [3, 3, 3, 3]
