"""Images at half and twice their side, against plain loops and XLA's own convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ganjax.ops import conv, pyramid

IMAGES = jax.random.normal(jax.random.key(0), (2, 6, 4, 3))
KERNEL = jax.random.normal(jax.random.key(1), (3, 3, 3, 5))


def test_a_pixel_is_doubled_to_a_block():
    doubled = pyramid.doubled(IMAGES)
    np.testing.assert_array_equal(doubled, np.asarray(IMAGES).repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize(
    ("halve", "of_block"), [(pyramid.halved, np.mean), (pyramid.halved_by_largest, np.max)]
)
def test_a_block_becomes_a_pixel(halve, of_block):
    blocks = [[IMAGES[:, i : i + 2, j : j + 2] for j in (0, 2)] for i in (0, 2, 4)]
    expected = np.stack(
        [np.stack([of_block(block, axis=(1, 2)) for block in row], axis=1) for row in blocks],
        axis=1,
    )
    np.testing.assert_allclose(halve(IMAGES), expected, atol=1e-6)


def doubled_first(images, kernel):
    return conv.conv(pyramid.doubled(images), kernel, padding=1)


def halved_last(images, kernel):
    return pyramid.halved(conv.conv(images, kernel, padding=1))


@pytest.mark.parametrize(
    ("one", "in_two_steps"),
    [(pyramid.conv_of_doubled, doubled_first), (pyramid.halved_conv, halved_last)],
)
def test_one_convolution_does_what_two_steps_do(one, in_two_steps):
    """Values, and gradients with respect to both."""

    def all_of(function):
        value, back = jax.vjp(function, IMAGES, KERNEL)
        return value, *back(jnp.cos(jnp.arange(value.size)).reshape(value.shape))

    for ours, theirs in zip(
        *map(jax.jit(all_of, static_argnums=0), (one, in_two_steps)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("one", [pyramid.conv_of_doubled, pyramid.halved_conv])
def test_only_kernels_of_three_by_three_are_joined(one):
    with pytest.raises(AssertionError):
        one(IMAGES, jnp.zeros((4, 4, 3, 5)))


def filtered(images, **how):
    """XLA's convolution of every channel with (1, 3, 3, 1) in both directions, of sum 1."""
    row = np.array([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = jnp.tile(jnp.asarray(np.outer(row, row), jnp.float32)[:, :, None, None], (1, 1, 1, 3))
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        images, kernel, **how, dimension_numbers=numbers, feature_group_count=3
    )


def test_bilinear_resampling_is_that_of_the_paper():
    """The kernel (1, 2, 1) of arXiv 2501.05441, once more smoothed by (1, 1); zeros outside."""
    twice = 4 * filtered(IMAGES, window_strides=(1, 1), padding=[(2, 2)] * 2, lhs_dilation=(2, 2))
    np.testing.assert_allclose(pyramid.doubled_smoothly(IMAGES), twice, atol=1e-6)
    half = filtered(IMAGES, window_strides=(2, 2), padding=[(1, 1)] * 2)
    np.testing.assert_allclose(pyramid.halved_smoothly(IMAGES), half, atol=1e-6)


def test_a_constant_stays_itself_but_for_the_border():
    ones = jnp.ones((1, 8, 8, 1))
    for resampled in (pyramid.doubled_smoothly(ones), pyramid.halved_smoothly(ones)):
        np.testing.assert_allclose(resampled[:, 1:-1, 1:-1], 1.0, atol=1e-6)
        assert resampled[0, 0, 0, 0] < 1
