"""Bicubic resizing, antialiased where it shrinks, as two products with matrices.

It is what Pillow's `resize(..., BICUBIC)` and MATLAB's `imresize` do: the kernel of Keys 1981,
"Cubic convolution interpolation for digital image processing", with a = -1/2, stretched over the
pixels that are left out; outside the image nothing is read, and the weights add up to 1.
"""

from functools import partial

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.typing import Array, Key

_product = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


def resized(images: Array, height: int, width: int) -> Array:
    """Brings images to another size, up or down, each axis by itself.

    A real image of low resolution is brought up by this as `downsampling` does it to the images
    that a restorer is trained on.

    Args:
      images: float `[batch, height, width, channels]`.
      height: of the result, in pixels, at least 1.
      width: likewise.

    Returns:
      float `[batch, height, width, channels]`, not clipped: bicubic weights overshoot at edges.
    """
    chex.assert_rank(images, 4)
    rows = _bicubic(height, images.shape[1])
    columns = _bicubic(width, images.shape[2])
    return jax.vmap(lambda image: multiplied(image, rows, columns))(images)


def downsampling(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Shrinks an image bicubically with antialiasing, and brings it back up to its size.

    Args:
      key: not used: nothing is drawn.
      image: float `[height, width, channels]`.
      amount: the factor, float `[]`, at least 1, whole or not. Sides become the nearest whole
        number to side / amount, at least 1.

    Returns:
      The blurred image, not clipped.
    """
    del key
    rows, columns = (_down_and_up(side, jnp.asarray(amount)) for side in image.shape[:2])
    return multiplied(image, rows, columns)


def multiplied(image: Array, rows: Array, columns: Array) -> Array:
    """Multiplies each column of an image with one matrix, and each row with another.

    Args:
      image: float `[height, width, channels]`.
      rows: float32 `[new_height, height]`.
      columns: float32 `[new_width, width]`.

    Returns:
      `[new_height, new_width, channels]` of the dtype of `image`.
    """
    # The highest precision, because a reduced one would change images that nothing blurs.
    pixels = _product("iy,yxc->ixc", rows, image.astype(jnp.float32))
    return _product("jx,ixc->ijc", columns, pixels).astype(image.dtype)


def _down_and_up(side: int, factor: Array) -> Array:
    """The matrix that takes a side to the smaller one and back, `[side, side]`.

    The smaller side is not known when compiling, if the factor is drawn: it gets as much room as
    the larger one, and what is beyond it is not read.
    """
    small = jnp.maximum(jnp.round(side / factor), 1)
    down = _bicubic(side, side, to_side=small)
    up = _bicubic(side, side, from_side=small)
    return _product("ik,kj->ij", up, down)


def _bicubic(
    rows: int, columns: int, *, to_side: ArrayLike | None = None, from_side: ArrayLike | None = None
) -> Array:
    """The weight of each of `columns` old pixels in each of `rows` new ones.

    Where only a part of either is the image, `to_side` and `from_side` say how many.
    """
    to_side = rows if to_side is None else to_side
    from_side = columns if from_side is None else from_side
    stretch = jnp.asarray(from_side / to_side, jnp.float32)
    centres = jnp.minimum((jnp.arange(rows) + 0.5) * stretch, from_side) - 0.5
    old = jnp.arange(columns, dtype=jnp.float32)
    weights = _keys((centres[:, None] - old[None]) / jnp.maximum(stretch, 1))
    weights = jnp.where(old[None] < from_side, weights, 0)
    return weights / jnp.sum(weights, axis=1, keepdims=True)


def _keys(distance: Array) -> Array:
    """The cubic kernel of Keys 1981, equation 15."""
    x = jnp.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return jnp.where(x < 1, near, jnp.where(x < 2, far, 0))
