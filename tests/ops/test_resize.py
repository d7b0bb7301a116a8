"""Resizing is Pillow's, and a degraded image is what Pillow makes of it twice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from PIL import Image

from ganjax.ops import resize

KEY = jax.random.key(0)
resized = jax.jit(resize.resized, static_argnums=(1, 2))
downsampling = jax.jit(resize.downsampling)
IMAGE = np.random.default_rng(0).uniform(-1, 1, (33, 46, 2)).astype(np.float32)


def pillow(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bicubic resizing of each channel, in floating point."""
    planes = [Image.fromarray(plane) for plane in np.moveaxis(image, -1, 0)]
    return np.stack(
        [plane.resize((width, height), Image.Resampling.BICUBIC) for plane in planes], -1
    )


@pytest.mark.parametrize(("height", "width"), [(16, 23), (66, 91), (50, 20), (1, 1)])
def test_resized_is_pillows(height, width):
    ours = resized(jnp.asarray(IMAGE[None]), height, width)[0]
    np.testing.assert_allclose(ours, pillow(IMAGE, height, width), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 4, 2.5, 100])
def test_downsampling_is_pillow_there_and_back(factor):
    small = (max(round(33 / factor), 1), max(round(46 / factor), 1))
    theirs = pillow(pillow(IMAGE, *small), 33, 46)
    ours = downsampling(KEY, jnp.asarray(IMAGE), float(factor))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_downsampling_by_a_traced_factor_each():
    images, factors = jnp.stack([jnp.asarray(IMAGE)] * 2), jnp.array([2.0, 4.0])
    ours = jax.jit(jax.vmap(lambda x, f: resize.downsampling(KEY, x, f)))(images, factors)
    for image, factor in zip(ours, (2, 4), strict=True):
        alone = downsampling(KEY, jnp.asarray(IMAGE), float(factor))
        np.testing.assert_allclose(image, alone, atol=1e-5)


def test_a_factor_of_one_is_the_image():
    np.testing.assert_allclose(downsampling(KEY, jnp.asarray(IMAGE), 1.0), IMAGE, atol=1e-6)


def test_a_real_small_image_is_brought_up_as_in_training():
    small = resized(jnp.asarray(IMAGE[None]), 16, 23)
    degraded = downsampling(KEY, jnp.asarray(IMAGE), 2.0)
    np.testing.assert_allclose(resized(small, 33, 46)[0], degraded, atol=1e-5)


def test_gradients_of_downsampling():
    image = jnp.asarray(IMAGE[:6, :5])
    check_grads(lambda x: downsampling(KEY, x, 2.0), (image,), order=1, modes=["rev"])
