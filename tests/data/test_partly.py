"""A batch of labelled and unlabelled images is drawn as each of both would be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.data import loader
from ganjax.data.partly import WithUnlabelled, sample_partly_labelled
from ganjax.errors import UserError

KEY = jax.random.key(3)


def resident(count: int, value: int, label: int) -> loader.Resident:
    """Images of one value, but for their first pixel, which is their number."""
    pixels = np.full((count, 2, 2, 1), value, np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count)
    return loader.Resident(jnp.asarray(pixels), jnp.full(count, label, jnp.int32))


FEW, MANY = resident(6, 0, 1), resident(50, 255, -1)
draw = jax.jit(sample_partly_labelled, static_argnums=(2, 3))


def test_unlabelled_images_do_not_change_which_labelled_ones_are_drawn():
    both = draw(KEY, WithUnlabelled(FEW, MANY), 4, 8)
    alone = loader.sample_batch(KEY, FEW, 4)
    np.testing.assert_array_equal(both.images, alone.images)
    np.testing.assert_array_equal(both.labels, alone.labels)
    assert both.unlabelled.shape == (8, 2, 2, 1)
    assert both.unlabelled.dtype == jnp.float32
    assert set(numbers(both.unlabelled, 1)) == {255}  # of the other set


def numbers(images: jax.Array, pixel: int = 0) -> list[int]:
    return loader.to_uint8(images)[:, pixel, pixel, 0].tolist()


def test_the_unlabelled_images_have_a_key_of_their_own():
    twins = WithUnlabelled(MANY, MANY)
    drawn = [draw(jax.random.key(seed), twins, 8, 8) for seed in range(5)]
    assert all(numbers(own.images) != numbers(own.unlabelled) for own in drawn)
    assert len({tuple(numbers(own.unlabelled)) for own in drawn}) == 5


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (FEW, 8),
        (WithUnlabelled(FEW, MANY), 0),
        (loader.Drawn(np.zeros((1, 4, 2, 2, 1), np.uint8), np.zeros((1, 4), np.int32)), 8),
    ],
    ids=["a labelled set alone", "none asked for", "drawn already"],
)
def test_without_unlabelled_images_their_part_is_empty(data, size):
    batch = draw(KEY, data, 4, size)
    assert batch.images.shape == (4, 2, 2, 1)
    assert batch.unlabelled.shape == (0, 2, 2, 1)


def test_a_part_that_does_not_divide_by_the_devices_is_refused():
    parts = loader.Parts(jnp.zeros((8, 1, 2, 2, 1), jnp.uint8), jnp.zeros((8, 1), jnp.int32), 8)
    with pytest.raises(UserError, match="batch of 12 does not divide by 8 devices"):
        sample_partly_labelled(KEY, WithUnlabelled(parts, parts), 8, 12)
