"""The windows that a convolution sees, taken from images and added back into them.

A stride is undone by a reshape first, so that both directions move whole runs of pixels.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ganjax.typing import Array


class Windows(NamedTuple):
    """Where the windows of a convolution lie.

    Attributes:
      size: side of a window in pixels.
      stride: pixels between neighbouring windows.
      padding: zeros around the images.
      sides: height and width of the images, without the padding.
    """

    size: int
    stride: int
    padding: int
    sides: tuple[int, int]

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        height, width = (
            (side + 2 * self.padding - self.size) // self.stride + 1 for side in self.sides
        )
        return height, width

    @property
    def steps(self) -> int:
        """Strides that a window is long, the last one begun counted whole."""
        return -(-self.size // self.stride)


def patches(images: Array, windows: Windows) -> Array:
    """Return every window, flattened in the order of a convolution's kernel.

    Args:
      images: `[batch, height, width, channels]`.
      windows: where to look.

    Returns:
      `[batch, rows, columns, size * size * channels]`.
    """
    return jnp.concatenate(list(_runs(images, windows)), axis=-1)


def patches_in_place(images: Array, windows: Windows) -> Array:
    """Return `patches`, written run by run into one array: on a CPU a copy less."""
    shape = (len(images), *windows.places, windows.size**2 * images.shape[-1])
    seen, start = jnp.zeros(shape, images.dtype), 0
    for run in _runs(images, windows):
        seen = lax.dynamic_update_slice(seen, run, (0, 0, 0, start))
        start += run.shape[-1]
    return seen


def overlap_add(seen: Array, windows: Windows) -> Array:
    """Add windows back into images where they came from: the transpose of `patches`.

    Args:
      seen: `[batch, rows, columns, size * size * channels]`.
      windows: where they came from.

    Returns:
      `[batch, height, width, channels]`, each pixel the sum of what lies on it.
    """
    batch, channels = seen.shape[0], seen.shape[-1] // windows.size**2
    images = jax.ShapeDtypeStruct((batch, *windows.sides, channels), seen.dtype)
    (sums,) = jax.linear_transpose(lambda images: patches(images, windows), images)(seen)
    return sums


def _runs(images: Array, windows: Windows) -> Iterator[Array]:
    """Yield every run of neighbouring pixels that windows see, in the order of their kernel."""
    rows, columns = windows.places
    stride, steps, channels = windows.stride, windows.steps, images.shape[-1]
    blocks = _to_blocks(images, windows)
    for row, across in product(range(windows.size), range(steps)):
        down, below = divmod(row, stride)
        length = min(stride, windows.size - across * stride) * channels
        yield blocks[:, down : down + rows, below, across : across + columns, :length]


def _to_blocks(images: Array, windows: Windows) -> Array:
    """Pad, and split every stride off: `[batch, h, stride, w, stride * channels]`.

    Then the pixels of a window lie in whole runs, and no slice skips any.
    """
    batch, _, _, channels = images.shape
    stride, padding = windows.stride, windows.padding
    rows, columns = (places + windows.steps - 1 for places in windows.places)
    high = [
        blocks * stride - padding - side
        for blocks, side in zip((rows, columns), windows.sides, strict=True)
    ]
    # What lies behind the last window is cut off: a negative width.
    widths = [(0, 0, 0), (padding, high[0], 0), (padding, high[1], 0), (0, 0, 0)]
    images = lax.pad(images, jnp.zeros((), images.dtype), widths)
    return images.reshape(batch, rows, stride, columns, stride * channels)
