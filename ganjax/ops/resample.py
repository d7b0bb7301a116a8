"""Bilinear resampling of batches of images with zero padding, without a scatter in any gradient.

Coordinates count pixels and name pixel centres: the first pixel lies at 0, the last at `size - 1`.
A value between two pixels is interpolated linearly, and so is one between the outermost pixel and
the `fill` that surrounds the image; `scipy.ndimage` calls this `order=1, mode="grid-constant"`
(its `mode="constant"` jumps to the fill right at the outermost pixel centre instead).

The arithmetic is done in float32 at least, and the result has the dtype of the images. Where every
coordinate is a whole number, the result is exact: `fill` is mixed in by the weight that fell
outside the image, not by subtracting it first.
"""

import math
from functools import partial
from itertools import product

import chex
import jax
import jax.numpy as jnp

from ganjax.typing import Array


def separable(images: Array, rows: Array, columns: Array, *, fill: float = 0.0) -> Array:
    """Samples images on a grid of rows and columns, as two batched matrix products.

    Args:
      images: float `[batch, height, width, channels]`.
      rows: float `[batch, new_height]`, the row that each row of the result is read at, in pixels.
      columns: float `[batch, new_width]`, likewise for columns.
      fill: value outside the image.

    Returns:
      `[batch, new_height, new_width, channels]`, of the dtype of `images`.
    """
    batch, height, width, _ = images.shape
    chex.assert_shape(rows, (batch, None))
    chex.assert_shape(columns, (batch, None))
    # The highest precision, because a reduced one would change images that nothing moves.
    product_of = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    pixels = _at_least_float32(images)
    pixels = product_of("biy,byxc->bixc", _interpolation_matrix(rows, height), pixels)
    pixels = product_of("bjx,bixc->bijc", _interpolation_matrix(columns, width), pixels)
    inside = _inside(rows, height)[:, :, None] * _inside(columns, width)[:, None, :]
    return (pixels + fill * (1 - inside[..., None])).astype(images.dtype)


def rotated(images: Array, radians: Array, *, fill: float = 0.0) -> Array:
    """Rotates images counter-clockwise about their centre.

    Args:
      images: float `[batch, height, width, channels]`.
      radians: float `[batch]`; no gradient flows to it.
      fill: value outside the image.

    Returns:
      An array of the shape and dtype of `images`; differentiable in reverse mode, to any order.
    """
    chex.assert_shape(radians, (len(images),))
    return affine(images, rotation(radians), jnp.zeros((len(images), 2)), fill=fill)


def rotation(radians: Array) -> Array:
    """The matrices `[batch, 2, 2]` that lead from a rotated image's pixels to where they came from.

    Args:
      radians: float `[batch]`, counter-clockwise.

    Returns:
      For `affine`; rows and columns, in this order, count from the centre.
    """
    cosine, sine = jnp.cos(radians), jnp.sin(radians)
    return jnp.stack([jnp.stack([cosine, sine], -1), jnp.stack([-sine, cosine], -1)], -2)


def affine(
    images: Array, matrices: Array, places: Array, *, fill: float = 0.0, zoom: float = 1.0
) -> Array:
    """Reads every pixel p of the result at the place `matrix p + place` of its image.

    Rows and columns, in this order, count from the centre. The gradient is again a gather: no
    more than `zoom` times as far apart as in the image, the few pixels that read a given pixel lie
    around where that pixel goes. (The gradient of an ordinary gather is a scatter, which XLA runs
    one element at a time on CPU, and in no fixed order on GPU.)

    Args:
      images: float `[batch, height, width, channels]`.
      matrices: float `[batch, 2, 2]`; no gradient flows to them.
      places: float `[batch, 2]`, in pixels, where the middle is read; likewise.
      fill: value outside the image.
      zoom: how far the images are enlarged at most, in any direction, a static number; the gradient
        misses contributions beyond it, and costs its square.

    Returns:
      An array of the shape and dtype of `images`; differentiable in reverse mode, to any order.
    """
    batch, height, width, _ = images.shape
    chex.assert_shape(matrices, (batch, 2, 2))
    chex.assert_shape(places, (batch, 2))
    rows, columns = _sources(*_grid(height, width), matrices, places, (height, width))
    inside = _inside(rows, height) * _inside(columns, width)
    # A pixel is read from less than 1 away in row and in column, from less than sqrt(2) in all.
    reach = math.floor(math.sqrt(2) * zoom + 0.5)
    pixels = _warp(_at_least_float32(images), matrices, places, reach)
    return (pixels + fill * (1 - inside[..., None])).astype(images.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _warp(images: Array, matrices: Array, places: Array, reach: int) -> Array:
    """The linear map: each output pixel is the sum of the four pixels around its source."""
    del reach
    _, height, width, _ = images.shape
    rows, columns = _sources(*_grid(height, width), matrices, places, (height, width))
    total = jnp.zeros_like(images)
    for down, right in product((0, 1), repeat=2):
        row, column = jnp.floor(rows) + down, jnp.floor(columns) + right
        weight = _tent(rows - row) * _tent(columns - column)
        total += weight[..., None] * _read(images, row, column)
    return total


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _warp_transposed(images: Array, matrices: Array, places: Array, reach: int) -> Array:
    """Its transpose: each pixel is sent to the pixels that read it, with the same weights."""
    _, height, width, _ = images.shape
    pixels = _grid(height, width)
    back = jnp.linalg.inv(matrices)
    home = -jnp.einsum("bij,bj->bi", back, places)
    rows, columns = _sources(*pixels, back, home, (height, width))
    total = jnp.zeros_like(images)
    for down, right in product(range(-reach, reach + 1), repeat=2):
        row, column = jnp.round(rows) + down, jnp.round(columns) + right
        read_row, read_column = _sources(row, column, matrices, places, (height, width))
        weight = _tent(read_row - pixels[0]) * _tent(read_column - pixels[1])
        total += weight[..., None] * _read(images, row, column)
    return total


def _without_gradient_to_the_places(images: Array, matrices: Array, places: Array, reach: int):
    return _warp(images, matrices, places, reach), (matrices, places)


def _transposed_likewise(images: Array, matrices: Array, places: Array, reach: int):
    return _warp_transposed(images, matrices, places, reach), (matrices, places)


# Each is the gradient of the other, so that gradients of gradients (R1) need no scatter either.
_warp.defvjp(
    _without_gradient_to_the_places,
    lambda reach, where, cotangent: (
        _warp_transposed(cotangent, *where, reach),
        *map(jnp.zeros_like, where),
    ),
)
_warp_transposed.defvjp(
    _transposed_likewise,
    lambda reach, where, cotangent: (
        _warp(cotangent, *where, reach),
        *map(jnp.zeros_like, where),
    ),
)


def _sources(
    rows: Array, columns: Array, matrices: Array, places: Array, sides: tuple[int, int]
) -> tuple[Array, Array]:
    """Where the pixels at `rows`, `columns` are read: `[batch, h, w]` each."""
    middle_row, middle_column = ((side - 1) / 2 for side in sides)
    down, right = rows - middle_row, columns - middle_column
    (a, b), (c, d) = ((m[:, None, None] for m in line.T) for line in jnp.moveaxis(matrices, 1, 0))
    row, column = (place[:, None, None] for place in places.T)
    return middle_row + row + a * down + b * right, middle_column + column + c * down + d * right


def _grid(height: int, width: int) -> tuple[Array, Array]:
    """The row and the column of every pixel, `[1, height, width]` each."""
    rows, columns = jnp.mgrid[:height, :width].astype(jnp.float32)
    return rows[None], columns[None]


def _read(images: Array, rows: Array, columns: Array) -> Array:
    """The pixels at whole `rows` and `columns` (`[batch, h, w]`), zero outside the images."""
    batch, height, width, channels = images.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = jnp.clip(rows, 0, height - 1) * width + jnp.clip(columns, 0, width - 1)
    index = index.astype(jnp.int32)
    flat = images.reshape(batch, height * width, channels)
    read = jax.vmap(lambda pixels, i: pixels.at[i].get(mode="promise_in_bounds"))(flat, index)
    return jnp.where(inside[..., None], read, 0)


def _interpolation_matrix(coordinates: Array, size: int) -> Array:
    """The weight of each of `size` pixels at each coordinate, `[batch, n, size]`."""
    pixels = jnp.arange(size, dtype=coordinates.dtype)
    return _tent(coordinates[:, :, None] - pixels[None, None, :])


def _tent(distance: Array) -> Array:
    """The bilinear kernel."""
    return jnp.maximum(0, 1 - jnp.abs(distance))


def _inside(coordinates: Array, size: int) -> Array:
    """The total weight of the pixels of the image at a coordinate: 1 inside, down to 0 outside."""
    return jnp.clip(jnp.minimum(coordinates + 1, size - coordinates), 0, 1)


def _at_least_float32(images: Array) -> Array:
    return images.astype(jnp.promote_types(images.dtype, jnp.float32))
