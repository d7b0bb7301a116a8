"""Every geometric transform at once, in one resampling.

One op after the other blurs the image each time and costs as much each time; composed first, their
coordinates are resampled once. The contract is that of `ganjax.ops.augment`.
"""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.ops import resample
from ganjax.typing import Array, Key


def warp(images: Array, amount: ArrayLike, *, fill: float = -1.0, zoom: float = 1.0) -> Array:
    """Rotates about the centre, then zooms rows and columns, then moves the content.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: float `[5]` or `[batch, 5]`: degrees counter-clockwise; enlargement of the rows and of
        the columns, negative to mirror top and bottom or left and right; pixels down; pixels right.
        No gradient flows to it.
      fill: value outside the image.
      zoom: the largest enlargement there may be, a number; see `resample.affine`.

    Returns:
      The warped images, of the same shape and dtype.
    """
    amount = jnp.broadcast_to(jnp.asarray(amount, jnp.float32), (len(images), 5))
    degrees, factors, moved = amount[:, 0], amount[:, 1:3], amount[:, 3:]
    matrices = resample.rotation(degrees * (math.pi / 180)) / factors[:, None, :]
    places = -jnp.einsum("bij,bj->bi", matrices, moved, precision="highest")
    return resample.affine(images, matrices, places, fill=fill, zoom=zoom)


def random_warp(
    key: Key,
    images: Array,
    *,
    limit: ArrayLike = 1.0,
    degrees: float = 15.0,
    shift: float = 0.1,
    zoom: float = 0.2,
    crop: float = 0.2,
    flips: tuple[float, float] = (0.0, 0.0),
    fill: float = -1.0,
) -> Array:
    """Rotates, zooms, moves, mirrors and crops, each image by other amounts.

    Args:
      key: a typed key.
      images: float `[batch, height, width, channels]`.
      limit: factor on all amounts but the flips, from 0 to 1; may be traced.
      degrees: the largest rotation, either way.
      shift: the largest move in each direction, a fraction of the size.
      zoom: the largest enlargement (0.2 is 20 %), and shrinking likewise, uniform in its logarithm.
      crop: the largest fraction of a side left out before the rest is enlarged to the size; the two
        sides are drawn apart.
      flips: probabilities of mirroring top and bottom, and left and right; nothing is mirrored
        unless asked.
      fill: value outside the image.

    Returns:
      The warped images, of the same shape and dtype.
    """
    limit = jnp.clip(limit, 0.0, 1.0)
    count, size = len(images), jnp.asarray([images.shape[1:3]], jnp.float32)
    either_way = jax.random.uniform(key, (count, 6), minval=-1.0)
    turn, zoomed, moved, corner = jnp.split(either_way, [1, 2, 4], axis=1)
    one_way = jax.random.uniform(jax.random.fold_in(key, 1), (count, 4))
    left_out = limit * crop * one_way[:, :2]
    factors = jnp.exp(limit * math.log1p(zoom) * zoomed) / (1 - left_out)
    # A box inside the image: its outermost pixels are at most those of the image.
    moves = limit * shift * moved * size + corner * left_out / (1 - left_out) * (size - 1) / 2
    mirrored = jnp.where(one_way[:, 2:] < jnp.asarray([flips]), -1.0, 1.0)
    amount = jnp.concatenate([limit * degrees * turn, factors * mirrored, moves], axis=1)
    return warp(images, amount, fill=fill, zoom=(1 + zoom) / (1 - crop))
