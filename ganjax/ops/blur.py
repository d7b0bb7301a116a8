"""Gaussian and motion blur of one image, whose amount may be traced.

At its border an image goes on as its mirror image, the outermost pixel twice: `mode="reflect"` of
`scipy.ndimage`.
"""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.ops.resize import multiplied
from ganjax.typing import Array, Key

_LEAST_SIGMA = 1e-3  # in pixels: nothing moves, and nothing is divided by zero


def gaussian_blur(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Blurs by a Gaussian kernel, cut off at 4 sigma, as `scipy.ndimage.gaussian_filter`.

    Equal to it where 4 sigma is at most the shorter side.

    Args:
      key: not used: nothing is drawn.
      image: float `[height, width, channels]`.
      amount: the standard deviation sigma in pixels, float `[]`, at least 0.

    Returns:
      The blurred image.
    """
    del key
    rows, columns = (_gaussian(side, jnp.asarray(amount)) for side in image.shape[:2])
    return multiplied(image, rows, columns)


def motion_blur(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Blurs along a line in a random direction, as a camera that moves does.

    Args:
      key: a typed key; the direction is drawn from [0, 180) degrees.
      image: float `[height, width, channels]`.
      amount: the length of the line in pixels, float `[]`, at least 1.

    Returns:
      The blurred image.
    """
    return blurred_along(image, amount, jax.random.uniform(key, maxval=math.pi))


def blurred_along(image: Array, length: ArrayLike, radians: ArrayLike) -> Array:
    """Blurs along a line, by a product of Fourier transforms.

    The weight of a pixel falls linearly with its distance from the line, to 0 at a distance of 1,
    as in MATLAB's `fspecial("motion")`. The image with its mirror images has twice its sides and is
    periodic, as the transform takes it to be: length and direction may be traced.

    Args:
      image: float `[height, width, channels]`.
      length: of the line in pixels, float `[]`, at least 1.
      radians: its direction, counter-clockwise from the horizontal, float `[]`.

    Returns:
      The blurred image.
    """
    height, width, _ = image.shape
    mirrored = jnp.pad(
        image.astype(jnp.float32), ((0, height), (0, width), (0, 0)), mode="symmetric"
    )
    kernel = _line(2 * height, 2 * width, length, radians)
    spectrum = jnp.fft.rfft2(mirrored, axes=(0, 1)) * jnp.fft.rfft2(kernel)[:, :, None]
    blurred = jnp.fft.irfft2(spectrum, mirrored.shape[:2], axes=(0, 1))
    return blurred[:height, :width].astype(image.dtype)


def _gaussian(side: int, sigma: Array) -> Array:
    """The weight of each pixel in each blurred one, `[side, side]`, its mirror images counted."""
    sigma = jnp.maximum(sigma, _LEAST_SIGMA)
    pixels = jnp.arange(side, dtype=jnp.float32)
    reach = jnp.floor(4 * sigma + 0.5)

    def weights(places: Array) -> Array:
        distance = pixels[:, None] - places[None, :]
        bell = jnp.exp(-0.5 * jnp.square(distance / sigma))
        return jnp.where(jnp.abs(distance) <= reach, bell, 0)

    matrix = weights(pixels) + weights(-1 - pixels) + weights(2 * side - 1 - pixels)
    return matrix / jnp.sum(matrix, axis=1, keepdims=True)


def _line(rows: int, columns: int, length: ArrayLike, radians: ArrayLike) -> Array:
    """The kernel, its middle at the pixel (0, 0) of a periodic image, `[rows, columns]`."""

    def offsets(count: int) -> Array:
        return (jnp.arange(count, dtype=jnp.float32) + count // 2) % count - count // 2

    down, right = offsets(rows)[:, None], offsets(columns)[None, :]
    along = right * jnp.cos(radians) - down * jnp.sin(radians)
    across = right * jnp.sin(radians) + down * jnp.cos(radians)
    beyond = jnp.maximum(jnp.abs(along) - (jnp.asarray(length) - 1) / 2, 0)
    weights = jnp.maximum(1 - jnp.hypot(across, beyond), 0)
    return weights / jnp.sum(weights)
