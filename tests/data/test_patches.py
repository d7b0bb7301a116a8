"""Patches: cut from anywhere, turned all ways, the same whatever stands beside them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data import loader
from ganjax.data.patches import sample_patches

KEY = jax.random.key(0)


def numbered(count, side):
    """Images whose every pixel is another grey level."""
    images = np.arange(side * side, dtype=np.uint8).reshape(1, side, side, 1)
    return loader.Resident(
        jnp.asarray(np.repeat(images, count, 0)), jnp.arange(count, dtype=jnp.int32)
    )


def levels(batch):
    return np.asarray(jnp.round((batch.images[..., 0] + 1) * 127.5)).astype(int)


def test_patches_are_cut_at_every_place():
    found = levels(sample_patches(KEY, numbered(3, 5), 400, 4))
    assert sorted({patch[0, 0] for patch in found}) == [0, 1, 5, 6]
    for patch in found:
        np.testing.assert_array_equal(patch - patch[0, 0], np.add.outer(5 * np.arange(4), range(4)))


def test_turned_patches_lie_all_eight_ways_equally_often():
    found = levels(sample_patches(KEY, numbered(1, 4), 800, 4, turned=True))
    image = np.arange(16).reshape(4, 4)
    ways = [np.rot90(own, turns) for own in (image, image.T) for turns in range(4)]
    counts = [sum(np.array_equal(patch, way) for patch in found) for way in ways]
    assert sum(counts) == 800
    assert min(counts) > 60  # 100 are expected, with a standard deviation of 9


def test_an_image_of_the_patch_size_is_seen_whole():
    data = numbered(4, 4)
    whole = jax.jit(partial(sample_patches, batch_size=8, patch=4))(KEY, data)
    np.testing.assert_array_equal(levels(whole), np.asarray(data.images[..., 0])[[0] * 8])
    assert whole.labels.shape == (8,)
