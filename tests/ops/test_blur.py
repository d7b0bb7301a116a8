"""Blur is SciPy's with the border mirrored, for any size of image."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import ndimage

from ganjax.ops import blur

KEY = jax.random.key(0)
gaussian = jax.jit(blur.gaussian_blur)
motion = jax.jit(blur.motion_blur)
along = jax.jit(blur.blurred_along)
IMAGE = np.random.default_rng(0).uniform(-1, 1, (33, 46, 2)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.3, 1.6, 5.0])
def test_gaussian_blur_is_scipys(sigma):
    ours = gaussian(KEY, jnp.asarray(IMAGE), sigma)
    np.testing.assert_allclose(
        ours, ndimage.gaussian_filter(IMAGE, (sigma, sigma, 0), mode="reflect"), atol=2e-6
    )


def test_gaussian_blur_wider_than_the_image_still_averages_it():
    image = jnp.asarray(IMAGE[:3, :5])
    ours = gaussian(KEY, image, 9.0)
    np.testing.assert_allclose(gaussian(KEY, jnp.ones_like(image), 9.0), 1, atol=1e-6)
    assert np.ptp(ours[..., 0]) < 0.2 * np.ptp(image[..., 0])


@pytest.mark.parametrize(("op", "amount"), [(gaussian, 0.0), (motion, 1.0)], ids=["blur", "motion"])
def test_the_least_amount_is_the_image(op, amount):
    np.testing.assert_allclose(op(KEY, jnp.asarray(IMAGE), amount), IMAGE, atol=2e-6)


def line_by_points(length: float, radians: float) -> np.ndarray:
    """The kernel from its definition: 1 less the distance to the nearest of many points."""
    line = np.linspace(-(length - 1) / 2, (length - 1) / 2, 2001)
    rows, columns = np.mgrid[-8:9, -8:9]
    apart = np.hypot(
        rows[..., None] + line * math.sin(radians), columns[..., None] - line * math.cos(radians)
    )
    weights = np.maximum(1 - apart.min(axis=-1), 0)
    return weights / weights.sum()


@pytest.mark.parametrize(("length", "degrees"), [(9, 0), (9, 90), (9, 30), (5.5, 117), (13, 160)])
def test_motion_blur_is_a_convolution_with_a_line(length, degrees):
    ours = along(jnp.asarray(IMAGE), length, math.radians(degrees))
    kernel = line_by_points(length, math.radians(degrees))
    theirs = ndimage.correlate(IMAGE, kernel[:, :, None], mode="reflect")
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_horizontal_motion_is_a_mean_of_neighbours():
    ours = along(jnp.asarray(IMAGE), 5, 0.0)
    np.testing.assert_allclose(ours, ndimage.uniform_filter(IMAGE, (1, 5, 1)), atol=1e-6)


def test_every_key_moves_another_way():
    point = jnp.zeros((21, 21, 1)).at[10, 10].set(1)
    one, same, other = (motion(jax.random.key(k), point, 9.0) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert jnp.abs(one - other).max() > 0.05


@pytest.mark.parametrize("op", [gaussian, motion])
def test_gradients_of_blur(op):
    check_grads(lambda x: op(KEY, x, 3.0), (jnp.asarray(IMAGE[:6, :5]),), order=1, modes=["rev"])
