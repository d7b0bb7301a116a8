"""Images at half and at twice their side, alone and together with a 3x3 convolution.

A pixel doubled to a block of four, or the mean of such a block, is itself a convolution. Together
with a 3x3 one it is a single 4x4 convolution of stride 2, which sees each pixel once: 16 instead of
36 products per pixel of the small image.
"""

import chex
import jax.numpy as jnp
from jax import lax

from ganjax.ops import conv
from ganjax.typing import Array


def doubled(images: Array) -> Array:
    """Repeat every pixel of `[batch, height, width, channels]` in a block of two by two."""
    return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)


def halved(images: Array) -> Array:
    """Average every block of two by two pixels of `[batch, height, width, channels]`."""
    batch, height, width, channels = images.shape
    blocks = images.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return jnp.mean(blocks, axis=(2, 4))


def halved_by_largest(images: Array) -> Array:
    """Keep the largest of every block of two by two pixels, channel by channel."""
    batch, height, width, channels = images.shape
    # Not a pooling window, whose gradient is slow on a CPU.
    blocks = images.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return jnp.max(blocks, axis=(2, 4))


def conv_of_doubled(images: Array, kernel: Array) -> Array:
    """Return `conv(doubled(images), kernel, padding=1)` for a 3x3 kernel, by fewer products.

    Args:
      images: float `[batch, height, width, in_channels]`.
      kernel: float `[3, 3, in_channels, out_channels]`.

    Returns:
      float `[batch, 2 height, 2 width, out_channels]`.
    """
    spread = jnp.flip(_four_by_four(kernel), (0, 1)).swapaxes(2, 3)
    return conv.transposed_conv(images, spread, stride=2, padding=1)


def halved_conv(images: Array, kernel: Array) -> Array:
    """Return `halved(conv(images, kernel, padding=1))` for a 3x3 kernel, by fewer products.

    Args:
      images: float `[batch, height, width, in_channels]`, sides even.
      kernel: float `[3, 3, in_channels, out_channels]`.

    Returns:
      float `[batch, height / 2, width / 2, out_channels]`.
    """
    return conv.conv(images, _four_by_four(kernel) / 4, stride=2, padding=1)


def _four_by_four(kernel: Array) -> Array:
    """Add up a 3x3 kernel at the four places of a block of two by two pixels."""
    chex.assert_shape(kernel, (3, 3, ...))
    none = (0, 0)
    places = [
        jnp.pad(kernel, ((down, 1 - down), (right, 1 - right), none, none))
        for down in (0, 1)
        for right in (0, 1)
    ]
    return sum(places[1:], start=places[0])


def doubled_smoothly(images: Array) -> Array:
    """Interpolate bilinearly to twice the side; outside the image lie zeros.

    Each axis by the kernel (1, 3, 3, 1) / 4: pixel 2i is 3/4 of pixel i and 1/4 of pixel i - 1.

    Args:
      images: float `[batch, height, width, channels]`.

    Returns:
      float `[batch, 2 height, 2 width, channels]`.
    """
    for axis in (1, 2):
        near = 0.75 * images
        before, after = (_moved(images, axis, step) for step in (1, -1))
        images = _interleave(near + 0.25 * before, near + 0.25 * after, axis)
    return images


def halved_smoothly(images: Array) -> Array:
    """Filter bilinearly to half the side; outside the image lie zeros.

    Each axis by the kernel (1, 3, 3, 1) / 8, the transpose of `doubled_smoothly` but for a factor
    of 2 per axis.

    Args:
      images: float `[batch, height, width, channels]`, sides even.

    Returns:
      float `[batch, height / 2, width / 2, channels]`.
    """
    for axis in (1, 2):
        first, second = _taken_apart(images, axis)
        inner = 0.375 * (first + second)
        images = inner + 0.125 * (_moved(second, axis, 1) + _moved(first, axis, -1))
    return images


def _moved(images: Array, axis: int, step: int) -> Array:
    """Move images by one pixel along an axis, to higher indices where `step` is 1."""
    low, high = (1, -1) if step == 1 else (-1, 1)
    widths = [(0, 0, 0)] * images.ndim
    widths[axis] = (low, high, 0)
    return lax.pad(images, jnp.zeros((), images.dtype), widths)


def _interleave(even: Array, odd: Array, axis: int) -> Array:
    """Take pixels along an axis in turn from two arrays."""
    pairs = jnp.stack([even, odd], axis=axis + 1)
    shape = list(even.shape)
    shape[axis] *= 2
    return pairs.reshape(shape)


def _taken_apart(images: Array, axis: int) -> tuple[Array, Array]:
    """Undo `_interleave`."""
    shape = list(images.shape)
    shape[axis : axis + 1] = [shape[axis] // 2, 2]
    pairs = images.reshape(shape)
    return lax.index_in_dim(pairs, 0, axis + 1, False), lax.index_in_dim(pairs, 1, axis + 1, False)
