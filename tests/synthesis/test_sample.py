"""Sampling: image i is image i, however many are drawn at a time."""

import jax
import numpy as np
import pytest

from ganjax import models, synthesis, training
from ganjax.data.loader import normalise
from ganjax.synthesis.sample import BATCH, labels_in_turn, sampled

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def trained():
    shape = {"size": 8, "channels": 3, "classes": 3}
    gan = training.gan(
        models.mlp_generator(**shape, widths=(16,), latent_size=8),
        models.mlp_discriminator(**shape, widths=(8,)),
    )
    return gan, jax.jit(gan.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def ten(trained):
    return synthesis.sample_images(*trained, KEY, synthesis.balanced_labels(10, 3))


def test_images_are_uint8_one_per_label(ten):
    assert ten.shape == (10, 8, 8, 3)
    assert ten.dtype == np.uint8


@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_image_is_the_same_whatever_the_batch_size(trained, ten, batch_size):
    labels = synthesis.balanced_labels(10, 3)
    again = synthesis.sample_images(*trained, KEY, labels, batch_size=batch_size)
    assert np.abs(ten.astype(int) - again).max() <= 1


@pytest.mark.parametrize("count", [1, 4, 200])
def test_an_image_is_the_same_bit_by_bit_however_many_follow(trained, ten, count):
    others = synthesis.sample_images(*trained, KEY, synthesis.balanced_labels(count, 3))
    same = min(count, 10)
    np.testing.assert_array_equal(others[:same], ten[:same])


@pytest.mark.parametrize("first", [0, 1, 5, BATCH - 1, BATCH, BATCH + 1, 299, 300])
def test_an_image_is_the_same_bit_by_bit_whichever_is_the_first(trained, first):
    labels = synthesis.balanced_labels(300, 3)
    every = list(sampled(*trained, KEY, labels, scored=True))
    assert [len(drawn.images) for drawn in every] == [BATCH, BATCH, 300 - 2 * BATCH]
    rest = list(sampled(*trained, KEY, labels, first=first, scored=True))
    for name in ("images", "scores"):
        whole = np.concatenate([getattr(drawn, name) for drawn in every])
        parts = [getattr(drawn, name) for drawn in rest]
        assert all(len(part) for part in parts)
        np.testing.assert_array_equal(np.concatenate([whole[:first], *parts]), whole)


def test_images_come_batch_by_batch_and_not_all_are_made_for_the_first(trained):
    drawn = next(sampled(*trained, KEY, np.zeros(10**8, np.int32)))
    assert drawn.images.shape == (BATCH, 8, 8, 3)
    assert drawn.scores is None


def test_a_score_is_what_the_discriminator_says_of_the_very_pixels(trained):
    gan, state = trained
    labels = synthesis.balanced_labels(5, 3)
    (drawn,) = sampled(gan, state, KEY, labels, scored=True)
    assert drawn.scores.dtype == np.float32
    logits = gan.logits(state, normalise(drawn.images), labels)
    np.testing.assert_allclose(drawn.scores, logits, rtol=1e-5, atol=1e-6)


def test_another_key_gives_other_images(trained, ten):
    labels = synthesis.balanced_labels(10, 3)
    others = synthesis.sample_images(*trained, jax.random.key(4), labels)
    assert (ten != others).any(axis=(1, 2, 3)).all()


def test_ticks_count_the_images_made(trained):
    told = []
    synthesis.sample_images(
        *trained,
        KEY,
        synthesis.balanced_labels(10, 3),
        batch_size=4,
        tick=lambda done, note="": told.append(done),
    )
    assert told == [4, 8, 10]


def test_balanced_labels_go_round_the_classes():
    labels = synthesis.balanced_labels(7, 3)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert labels.dtype == np.int32


@pytest.mark.parametrize(
    ("counts", "labels"),
    [
        ([2, 2, 2], [0, 1, 2, 0, 1, 2]),
        ([3, 1, 2], [0, 1, 2, 0, 2, 0]),
        ([0, 2], [1, 1]),
        ([0, 0], []),
    ],
)
def test_labels_take_turns_as_long_as_they_last(counts, labels):
    found = labels_in_turn(np.array(counts))
    assert found.tolist() == labels
    assert found.dtype == np.int32
