"""Sampling: image i is image i, however many are drawn at a time."""

import jax
import numpy as np
import pytest

from ganjax import models, synthesis, training

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


def test_an_image_is_the_same_however_many_follow(trained, ten):
    fewer = synthesis.sample_images(*trained, KEY, synthesis.balanced_labels(4, 3))
    assert np.abs(ten[:4].astype(int) - fewer).max() <= 1


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
