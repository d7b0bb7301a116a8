"""Convolutions as matrix products of patches: fast on a CPU in both directions, and under `vmap`.

XLA's own convolution is the right call on GPU and TPU. On a CPU its gradient with respect to the
kernel is 10 to 50 times slower than the forward pass, and `vmap` over kernels turns it into a
grouped convolution, which is slower still. As patches times a matrix, every pass is one product.
The choice is made when the function is traced, by the default backend.
"""

from itertools import product

import chex
import jax
import jax.numpy as jnp
from jax import lax

from ganjax.typing import Array


def conv(images: Array, kernel: Array, *, stride: int = 1, padding: int = 0) -> Array:
    """Cross-correlate images with a kernel, as every deep-learning library's "convolution" does.

    Args:
      images: float `[batch, height, width, in_channels]`.
      kernel: float `[size, size, in_channels, out_channels]`.
      stride: pixels between neighbouring windows, in both directions.
      padding: zeros added on each side.

    Returns:
      float `[batch, (height + 2 padding - size) // stride + 1, ..., out_channels]`.
    """
    chex.assert_rank([images, kernel], 4)
    if jax.default_backend() != "cpu":
        return lax.conv_general_dilated(
            images,
            kernel,
            window_strides=(stride, stride),
            padding=[(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    size, _, _, out_channels = kernel.shape
    windows = patches(images, size, stride=stride, padding=padding)
    # Without the barrier XLA builds the windows inside the product, up to twice as slowly.
    windows = lax.optimization_barrier(windows)
    return windows @ kernel.reshape(windows.shape[-1], out_channels)


def patches(images: Array, size: int, *, stride: int = 1, padding: int = 0) -> Array:
    """Return the windows that a convolution sees, each flattened in the order of its kernel.

    Args:
      images: float `[batch, height, width, channels]`.
      size: side of a window in pixels.
      stride: pixels between neighbouring windows.
      padding: zeros added on each side.

    Returns:
      float `[batch, rows, columns, size * size * channels]`.
    """
    border = (padding, padding)
    images = jnp.pad(images, ((0, 0), border, border, (0, 0)))
    rows, columns = ((side - size) // stride + 1 for side in images.shape[1:3])
    shifted = [
        images[
            :, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride
        ]
        for i, j in product(range(size), repeat=2)
    ]
    return jnp.concatenate(shifted, axis=-1)


def upsampling_conv(images: Array, kernel: Array) -> Array:
    """Double height and width by the transposed 4x4 convolution of stride 2 and padding 1.

    Written in its sub-pixel form (arXiv 1609.07009): each of the four pixels that replace a pixel
    sees 2x2 neighbours through its own quarter of the kernel, so nothing is multiplied by a zero.

    Args:
      images: float `[batch, height, width, in_channels]`.
      kernel: float `[4, 4, in_channels, out_channels]`, laid out as for `lax.conv_transpose`.

    Returns:
      float `[batch, 2 height, 2 width, out_channels]`.
    """
    chex.assert_rank([images, kernel], 4)
    chex.assert_axis_dimension(kernel, 0, 4)
    chex.assert_axis_dimension(kernel, 1, 4)
    batch, height, width, _ = images.shape
    # Output pixel 2i + a sees inputs i + a - 1 and i + a, weighted by kernel taps a and a + 2.
    rows = [
        jnp.stack(
            [conv(_window(images, a, b), kernel[a::2, b::2]) for b in (0, 1)],
            axis=3,
        )
        for a in (0, 1)
    ]
    doubled = jnp.stack(rows, axis=2)  # [batch, height, 2, width, 2, channels]
    return doubled.reshape(batch, 2 * height, 2 * width, kernel.shape[-1])


def _window(images: Array, a: int, b: int) -> Array:
    """Pad by a pixel before or after, so that 2x2 windows start at pixel (i + a - 1, j + b - 1)."""
    return jnp.pad(images, ((0, 0), (1 - a, a), (1 - b, b), (0, 0)))
