"""Samples that pass a screen: as many as are wanted, each the same whatever the count."""

import jax
import numpy as np
import pytest

from ganjax import models, training
from ganjax.errors import UserError
from ganjax.synthesis.sample import BATCH, balanced_labels, sample_images
from ganjax.synthesis.sift import (
    COPY,
    EXAMPLES,
    KEPT,
    UNSELECTED,
    continued,
    sift,
    sifted,
)

KEY = jax.random.key(3)
NAMES = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def trained():
    shape = {"size": 8, "channels": 1, "classes": 3}
    gan = training.gan(
        models.mlp_generator(**shape, widths=(16,), latent_size=8),
        models.mlp_discriminator(**shape, widths=(8,)),
    )
    return gan, jax.jit(gan.init)(jax.random.key(0))


def parity(images):
    """A number of each image that a screen may go by, as good as random."""
    return images.astype(np.int64).sum(axis=(1, 2, 3))


def half(images, labels, scores):
    """Keep about half of the images; of the rest some are copies."""
    return np.array([KEPT, KEPT, KEPT, COPY, UNSELECTED, UNSELECTED])[parity(images) % 6]


def everything(images, labels, scores):
    return np.full(len(images), KEPT)


@pytest.fixture(scope="module")
def three_hundred(trained):
    return sift(*trained, KEY, balanced_labels(300, 3), half, class_names=NAMES)


def test_where_nothing_is_dropped_it_is_what_would_be_made_without(trained):
    labels = balanced_labels(150, 3)
    found = sift(*trained, KEY, labels, everything, class_names=NAMES)
    np.testing.assert_array_equal(found.images, sample_images(*trained, KEY, labels))
    assert found.copies.tolist() == found.unselected.tolist() == [0, 0, 0]
    assert len(found.examples.images) == 0


def test_of_each_class_there_are_exactly_as_many_as_wanted_and_all_pass(three_hundred):
    assert len(three_hundred.images) == 300
    assert np.bincount(three_hundred.labels).tolist() == [100, 100, 100]
    assert (half(three_hundred.images, None, None) == KEPT).all()
    assert len(np.unique(three_hundred.images, axis=0)) == 300


def test_what_passes_at_first_keeps_its_place(trained, three_hundred):
    plain = sample_images(*trained, KEY, balanced_labels(300, 3))
    passes = half(plain, None, None) == KEPT
    assert 0.3 < passes.mean() < 0.7
    same = (plain == three_hundred.images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(same, passes)


@pytest.mark.parametrize("count", [1, 7, BATCH, BATCH + 2])
def test_an_image_is_the_same_whatever_the_count(trained, three_hundred, count):
    found = sift(*trained, KEY, balanced_labels(count, 3), half, class_names=NAMES)
    np.testing.assert_array_equal(found.images, three_hundred.images[:count])


@pytest.mark.parametrize("first", [0, 1, BATCH - 1, BATCH, BATCH + 5, 299, 300])
def test_an_image_is_the_same_whichever_is_the_first(trained, three_hundred, first):
    labels = balanced_labels(300, 3)
    parts = list(sifted(*trained, KEY, labels, half, first=first))
    assert all(len(part.images) <= BATCH for part in parts)
    images = [three_hundred.images[:first], *(part.images for part in parts)]
    np.testing.assert_array_equal(np.concatenate(images), three_hundred.images)


def test_images_come_group_by_group_and_not_all_are_made_for_the_first(trained):
    found = next(sifted(*trained, KEY, np.zeros(10**7, np.int32), half))
    assert found.images.shape == (BATCH, 8, 8, 1)


def test_what_was_dropped_is_counted_and_some_of_it_shown(trained, three_hundred):
    groups = list(sifted(*trained, KEY, balanced_labels(300, 3), half))
    candidates, copies, unselected = (
        np.concatenate([getattr(group, name) for group in groups])
        for name in ("candidates", "copies", "unselected")
    )
    np.testing.assert_array_equal(candidates < BATCH, copies + unselected == 0)
    assert three_hundred.copies.sum() == copies.sum() > 0
    assert three_hundred.unselected.sum() == unselected.sum() > copies.sum()
    whole = np.concatenate([group.dropped.reasons for group in groups])
    assert (whole == COPY).sum() == copies.sum()
    assert (whole == UNSELECTED).sum() == unselected.sum()
    shown = three_hundred.examples
    np.testing.assert_array_equal(half(shown.images, None, None), shown.reasons)
    kinds, counts = np.unique(np.stack([shown.labels, shown.reasons]), axis=1, return_counts=True)
    assert kinds.shape[1] == 6
    assert counts.tolist() == [EXAMPLES] * 6


def test_scores_are_those_of_the_images_that_are_kept(trained):
    group = next(sifted(*trained, KEY, balanced_labels(20, 3), half))
    gan, state = trained
    logits = gan.logits(state, group.images.astype(np.float32) / 127.5 - 1, balanced_labels(20, 3))
    np.testing.assert_allclose(group.scores, logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (COPY, r"of (\d+) candidates \1 were copies .* and 0 were not selected: .*--keep-copies"),
        (UNSELECTED, r"0 were copies .* were not selected: give a larger --keep-fraction"),
    ],
)
def test_a_class_that_cannot_be_filled_is_named_with_what_to_do(trained, monkeypatch, reason, said):
    monkeypatch.setattr("ganjax.synthesis.sift.MOST_ROUNDS", 5)

    def no_cats(images, labels, scores):
        return np.where(labels == 2, reason, KEPT)

    with pytest.raises(UserError, match=f"class cat cannot be filled: .*{said}"):
        sift(*trained, KEY, balanced_labels(6, 3), no_cats, class_names=NAMES)
    found = sift(*trained, KEY, balanced_labels(2, 3), no_cats, class_names=NAMES)
    assert len(found.images) == 2  # no cat is wanted among the first two


@pytest.mark.parametrize(
    ("labels", "length", "whole"),
    [
        ([0, 1, 2, 0], 8, [0, 1, 2, 0, 1, 2, 0, 1]),
        ([0, 2], 5, [0, 2, 0, 2, 0]),
        ([1], 3, [1, 1, 1]),
        ([0, 1, 0, 0], 6, [0, 1, 0, 0, 0, 1]),
        ([], 0, []),
    ],
)
def test_labels_go_on_taking_turns(labels, length, whole):
    assert continued(np.array(labels, np.int32), length).tolist() == whole
