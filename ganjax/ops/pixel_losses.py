"""How far images are from others, pixel by pixel: per-image values, for the caller to average.

All take float images `[batch, height, width, channels]` of one shape and return float `[batch]`.
"""

import chex
import jax.numpy as jnp

from ganjax.typing import Array

SMALL = 1e-3
"""Charbonnier's epsilon: half a grey level of 255 or so, below which errors count as squares."""


def l1(images: Array, originals: Array) -> Array:
    """The mean of |x - y|, whose least is the median: edges stay sharper than with squares.

    Args:
      images: float `[batch, height, width, channels]`.
      originals: likewise.

    Returns:
      Float `[batch]`, at least 0.
    """
    return _mean(jnp.abs(_difference(images, originals)))


def l2(images: Array, originals: Array) -> Array:
    """The mean of (x - y)^2, whose least is the mean: what PSNR measures.

    Args:
      images: float `[batch, height, width, channels]`.
      originals: likewise.

    Returns:
      Float `[batch]`, at least 0.
    """
    return _mean(jnp.square(_difference(images, originals)))


def charbonnier(images: Array, originals: Array) -> Array:
    """The mean of sqrt((x - y)^2 + eps^2) - eps: `l1`, smooth at 0 (Charbonnier et al. 1994).

    Args:
      images: float `[batch, height, width, channels]`.
      originals: likewise.

    Returns:
      Float `[batch]`, at least 0.
    """
    return _mean(jnp.sqrt(jnp.square(_difference(images, originals)) + SMALL**2) - SMALL)


def _difference(images: Array, originals: Array) -> Array:
    chex.assert_rank(images, 4)
    chex.assert_equal_shape([images, originals])
    return images - originals


def _mean(values: Array) -> Array:
    return jnp.mean(values, axis=(1, 2, 3))
