"""Bilinear resampling of batches of images with zero padding, without a scatter in any gradient.

Coordinates count pixels and name pixel centres: the first pixel lies at 0, the last at `size - 1`.
A value between two pixels is interpolated linearly, and so is one between the outermost pixel and
the `fill` that surrounds the image; `scipy.ndimage` calls this `order=1, mode="grid-constant"`
(its `mode="constant"` jumps to the fill right at the outermost pixel centre instead).

The arithmetic is done in float32 at least, and the result has the dtype of the images. Where every
coordinate is a whole number, the result is exact: `fill` is mixed in by the weight that fell
outside the image, not by subtracting it first.
"""

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

    Its gradient is again a gather: a rotation keeps distances, so the few pixels that read a given
    pixel lie next to where that pixel goes. (The gradient of an ordinary gather is a scatter, which
    XLA runs one element at a time on CPU, and in no fixed order on GPU.)

    Args:
      images: float `[batch, height, width, channels]`.
      radians: float `[batch]`; no gradient flows to it.
      fill: value outside the image.

    Returns:
      An array of the shape and dtype of `images`; differentiable in reverse mode, to any order.
    """
    batch, height, width, _ = images.shape
    chex.assert_shape(radians, (batch,))
    rows, columns = _turn(*_grid(height, width), radians, height, width)
    inside = _inside(rows, height) * _inside(columns, width)
    pixels = _rotate(_at_least_float32(images), radians)
    return (pixels + fill * (1 - inside[..., None])).astype(images.dtype)


@jax.custom_vjp
def _rotate(images: Array, radians: Array) -> Array:
    """The linear map R: each output pixel is the sum of the four pixels around its source."""
    _, height, width, _ = images.shape
    rows, columns = _turn(*_grid(height, width), radians, height, width)
    total = jnp.zeros_like(images)
    for down, right in product((0, 1), repeat=2):
        row, column = jnp.floor(rows) + down, jnp.floor(columns) + right
        weight = _tent(rows - row) * _tent(columns - column)
        total += weight[..., None] * _read(images, row, column)
    return total


@jax.custom_vjp
def _rotate_transposed(images: Array, radians: Array) -> Array:
    """The transpose of R: each pixel is sent to the pixels that read it, with the same weights.

    A pixel is read from less than 1 away in row and in column, that is from less than sqrt(2) < 1.5
    around the place it is turned to: by the 3 x 3 pixels around that place at most.
    """
    _, height, width, _ = images.shape
    sources = _grid(height, width)
    rows, columns = _turn(*sources, -radians, height, width)
    total = jnp.zeros_like(images)
    for down, right in product((-1, 0, 1), repeat=2):
        row, column = jnp.round(rows) + down, jnp.round(columns) + right
        read_row, read_column = _turn(row, column, radians, height, width)
        weight = _tent(read_row - sources[0]) * _tent(read_column - sources[1])
        total += weight[..., None] * _read(images, row, column)
    return total


# Each is the gradient of the other, so that gradients of gradients (R1) need no scatter either.
_rotate.defvjp(
    lambda images, radians: (_rotate(images, radians), radians),
    lambda radians, cotangent: (_rotate_transposed(cotangent, radians), jnp.zeros_like(radians)),
)
_rotate_transposed.defvjp(
    lambda images, radians: (_rotate_transposed(images, radians), radians),
    lambda radians, cotangent: (_rotate(cotangent, radians), jnp.zeros_like(radians)),
)


def _turn(
    rows: Array, columns: Array, radians: Array, height: int, width: int
) -> tuple[Array, Array]:
    """Where a counter-clockwise rotation reads the pixels at `rows`, `columns`: `[batch, h, w]`."""
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    cosine, sine = jnp.cos(radians)[:, None, None], jnp.sin(radians)[:, None, None]
    down, right = rows - middle_row, columns - middle_column
    return (
        middle_row + cosine * down + sine * right,
        middle_column - sine * down + cosine * right,
    )


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
