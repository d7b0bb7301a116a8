"""A convolution in groups as convolutions of fewer channels, side by side.

In groups, the outputs of each group see the inputs of their own group alone. Images, kernels and
outputs are split along their last axis, so one function serves a convolution and both transposes.
"""

from collections.abc import Callable

import jax.numpy as jnp

from ganjax.ops.windows import Windows
from ganjax.typing import Array

Form = Callable[[Array, Array, Windows], Array]

FEWEST_CHANNELS = 16
"""Of a product of matrices on a CPU, where fewer would take as long."""


def side_by_side(form: Form, one: Array, other: Array, windows: Windows, groups: int) -> Array:
    """Apply a form of a convolution, or of one of its transposes, to each group.

    Args:
      form: of the dense convolution.
      one: its first argument, the groups along the last axis.
      other: its second, likewise; a kernel is `[size, size, in_channels / groups, out_channels]`.
      windows: where the windows lie.
      groups: how many.

    Returns:
      The results, along the last axis.
    """
    if groups == 1:
        return form(one, other, windows)
    pairs = zip(jnp.split(one, groups, -1), jnp.split(other, groups, -1), strict=True)
    return jnp.concatenate([form(a, b, windows) for a, b in pairs], axis=-1)


def bundles(groups: int, channels: int) -> int:
    """Return into how many products groups are best bundled: the most of `FEWEST_CHANNELS`."""
    counts = [
        n for n in range(1, groups + 1) if groups % n == 0 and channels // n >= FEWEST_CHANNELS
    ]
    return max(counts, default=1)


def block_diagonal(kernel: Array, groups: int) -> Array:
    """Return the dense kernel that does what a kernel in groups does; zeros between groups."""
    size, _, inputs, outputs = kernel.shape
    blocks = kernel.reshape(size, size, 1, inputs, groups, -1)
    return (blocks * _diagonal(groups, kernel)).reshape(size, size, groups * inputs, outputs)


def diagonal_blocks(kernel: Array, groups: int) -> Array:
    """Return of a dense kernel what lies within groups: the transpose of `block_diagonal`."""
    size, _, inputs, outputs = kernel.shape
    blocks = kernel.reshape(size, size, groups, inputs // groups, groups, -1)
    blocks = jnp.sum(blocks * _diagonal(groups, kernel), axis=2)
    return blocks.reshape(size, size, inputs // groups, outputs)


def _diagonal(groups: int, kernel: Array) -> Array:
    return jnp.eye(groups, dtype=kernel.dtype).reshape(1, 1, groups, 1, groups, 1)
