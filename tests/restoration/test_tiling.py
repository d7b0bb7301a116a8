"""Tiles: what comes of them is what the network makes of the whole image, at little memory."""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models
from ganjax.ops.conv import conv
from ganjax.restoration.tiling import Network, pieces, restore_image, tile_shape

KERNELS = 0.3 * jax.random.normal(jax.random.key(0), (3, 5, 5, 1, 1))
SIDE = 48


def three_layers(images):
    """Put images through three layers, which see 6 pixels in each direction."""
    for kernel in KERNELS:
        images = jnp.tanh(conv(images, kernel, padding=2))
    return images


def in_blocks(images):
    """Let each pixel know its block of 4x4, counted from the image's corner, and its neighbours."""
    height, width = images.shape[1:3]
    whole = jnp.pad(images, ((0, 0), (0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    means = jax.lax.reduce_window(whole, 0.0, jax.lax.add, (1, 4, 4, 1), (1, 4, 4, 1), "VALID")
    spread = jnp.repeat(jnp.repeat(means / 16, 4, axis=1), 4, axis=2)[:, :height, :width]
    return three_layers(spread) - images


CALLS: list[tuple[int, ...]] = []


def compiled(function):
    whole = jax.jit(function)

    def restore(images):
        CALLS.append(images.shape)
        return whole(images)

    return restore


CONVOLUTIONS = Network(compiled(three_layers), channels=1, radius=6)
BLOCKS = Network(compiled(in_blocks), channels=1, radius=10, multiple=4)


def image(height, width):
    return np.random.default_rng(0).normal(size=(height, width, 1)).astype(np.float32)


@pytest.fixture(autouse=True)
def calls():
    CALLS.clear()
    return CALLS


@pytest.mark.parametrize("network", [CONVOLUTIONS, BLOCKS], ids=["convolutions", "blocks"])
@pytest.mark.parametrize(("few_shapes", "size"), [(False, (131, 67)), (True, (41, 46))])
def test_tiles_make_what_the_whole_image_would_become(network, few_shapes, size, calls):
    given = image(*size)
    restored = restore_image(network, given, side=SIDE, few_shapes=few_shapes)
    shapes = set(calls)
    assert len(shapes) == 1
    assert len(calls) > 1
    whole = network.restore(given[None])[0]
    np.testing.assert_allclose(restored, whole, atol=1e-5)


def test_with_less_around_them_tiles_would_not(calls):
    short_sighted = CONVOLUTIONS._replace(radius=0)
    given = image(131, 67)
    difference = np.abs(restore_image(short_sighted, given, side=SIDE) - restore_image(
        CONVOLUTIONS, given, side=256))  # fmt: skip
    assert difference.max() > 1 / 255


def test_the_houses_restorers_are_restored_by_tiles_as_whole():
    network = models.restorer.unet_restorer(channels=1, width=4, levels=2)
    random = np.random.default_rng(0)  # the last layer would begin as zeros
    variables = jax.tree.map(
        lambda own: random.normal(0, 0.2, own.shape).astype(np.float32),
        jax.eval_shape(network.init, jax.random.key(0)),
    )
    restore = jax.jit(lambda images: network.apply(variables, images)[0])
    unet = Network(restore, 1, network.radius, network.multiple)
    given = image(101, 79)
    whole = np.asarray(restore(given[None])[0])
    tiled = restore_image(unet, given, side=64)
    assert tile_shape(unet, given.shape[:2], side=64) != given.shape[:2]
    assert np.abs(whole - given).max() > 0.1
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_pixels_of_eight_bits_become_such(calls):
    given = np.random.default_rng(0).integers(0, 256, (60, 60, 1), np.uint8)
    restored = restore_image(CONVOLUTIONS, given, side=SIDE)
    floats = restore_image(CONVOLUTIONS, given / np.float32(127.5) - 1, side=SIDE)
    assert restored.dtype == np.uint8
    expected = np.clip((floats + 1) * 127.5, 0, 255)
    assert np.abs(restored - expected).max() < 0.51


def test_images_of_one_size_and_large_ones_of_any_need_one_shape_each(calls):
    for _ in range(2):
        restore_image(CONVOLUTIONS, image(40, 50), side=SIDE)
    assert calls == [(1, 40, 50, 1)] * 2
    large = {tile_shape(CONVOLUTIONS, size, side=SIDE) for size in [(99, 300), (57, 58), (70, 48)]}
    assert large == {(48, 48)}
    sizes = [(height, width) for height in range(33, 90, 7) for width in range(33, 90, 5)]
    few = {tile_shape(CONVOLUTIONS, size, side=SIDE, few_shapes=True) for size in sizes}
    assert len(few) <= 4


@pytest.mark.parametrize("multiple", [1, 4])
@pytest.mark.parametrize("radius", [0, 6])
def test_pieces_keep_every_pixel_once_with_a_radius_around_it(multiple, radius):
    network = Network(lambda images: images, 1, radius, multiple)
    for length in range(1, 200):
        side, _ = tile_shape(network, (length, 10**6), side=40)
        found = pieces(length, side, network)
        kept = [pixel for own in found for pixel in range(own.keep, own.end)]
        assert kept == list(range(length))
        for own in found:
            assert own.begin % multiple == 0
            assert own.begin == 0 or own.keep - own.begin >= radius
            assert own.begin + side == length or own.begin + side - own.end >= radius


def test_a_network_that_sees_far_gets_larger_tiles():
    far = Network(lambda images: images, 1, radius=100)
    assert tile_shape(far, (1000, 1000), side=64) == (402, 402)


def test_memory_is_taken_for_tiles_and_files_will_do(tmp_path):
    size = (3000, 2000, 1)
    given = np.lib.format.open_memmap(tmp_path / "in.npy", "w+", np.uint8, size)
    given[:] = np.arange(2000, dtype=np.uint8)[:, None]
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.uint8, size)
    seen = []
    same = Network(lambda images: images, channels=1, radius=8)
    tracemalloc.start()
    restore_image(same, given, side=256, out=out, tick=lambda *own: seen.append(own))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(out, given)
    assert most < given.nbytes / 4
    assert seen == [(done, 13 * 9) for done in range(1, 13 * 9 + 1)]


def test_other_channels_are_refused():
    with pytest.raises(ValueError, match="3 channels for a network of 1"):
        restore_image(CONVOLUTIONS, np.zeros((8, 8, 3), np.uint8))
