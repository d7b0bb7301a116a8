"""Arrays of any numbers to pixels of 8 bits, by a stated rule, or refused.

- uint8 and other whole numbers from 0 to 255 are read as they are;
- uint16 beyond 255 is divided by 257, so that black stays black and white stays white;
- bool and floating point from 0 to 1 is multiplied by 255;
- floating point from 0 to 255 is read as it is where all numbers are whole.

One rule holds for all arrays of a set that have one type. Anything else has no range that could be
known, and is refused with the range that it has.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ganjax.errors import UserError

AT_A_TIME = 2**24
"""Bytes that are brought to 8 bits at once: floating point takes room for copies."""

DARK = 32
"""The largest pixel of a set that is probably not meant to reach 255."""


class Scale(NamedTuple):
    """How numbers become pixels.

    Attributes:
      factor: that they are multiplied by, before they are rounded.
      note: what was assumed, a line; None where nothing was.
    """

    factor: float
    note: str | None = None


def in_layout(images: np.ndarray, name: str) -> np.ndarray:
    """Return images as `[n, height, width, channels]`, the same memory.

    Args:
      images: `[n, height, width]`, or `[n, height, width, channels]` of 1 or 3 channels; n > 0.
      name: of the array, for messages.

    Raises:
      UserError: it has another shape; the message has the line to type where one would help.
    """
    shape = list(images.shape)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or not images.size:
        raise UserError(
            f"{name} has the shape {shape}: [n, height, width] or [n, height, width, channels] is "
            "needed, and at least 1 image"
        )
    if images.shape[3] in (1, 3):
        return images
    if images.shape[1] in (1, 3):
        raise UserError(
            f"{name} has the shape {shape}, with its channels before its height: put them last: "
            f"{name} = {name}.transpose(0, 2, 3, 1)"
        )
    remedy = f": leave its transparency out: {name} = {name}[..., :3]" * (images.shape[3] == 4)
    raise UserError(
        f"{name} has the shape {shape}, so {images.shape[3]} channels; 1 (grey) or 3 (colour) are "
        f"needed{remedy}"
    )


def scale_of(arrays: Sequence[np.ndarray], name: str) -> Scale:
    """Find the rule that makes pixels of numbers.

    Args:
      arrays: all of a set that have one type, `[n, height, width, channels]`; what is not finite
        does not count.
      name: of them, for messages.

    Raises:
      UserError: there is none for such a type or range.
    """
    dtype = arrays[0].dtype
    if dtype == np.bool_:
        return Scale(255, f"{name}: true is read as 255, false as 0")
    if dtype.kind not in "iuf":
        raise UserError(f"{name} has the type {dtype}: numbers are needed, at best uint8")
    low, high = _range(arrays)
    shown = f"{name}: {dtype} from {low:g} to {high:g}"
    if dtype.kind == "f":
        return _scale_of_floats(arrays, low, high, shown)
    if dtype == np.uint16 and high > 255:
        return Scale(1 / 257, f"{shown} is read as 16 bits and divided by 257")
    if low < 0 or high > 255:
        raise UserError(
            f"{shown} cannot be read as pixels, whose range is 0 to 255 (uint16: 0 to 65535)"
        )
    dark = f"{shown} is read as it is, out of 255, so it is dark; if its largest number is meant "
    return Scale(1, f"{dark}to be white, scale it first" if high <= DARK else None)


def _scale_of_floats(arrays: Sequence[np.ndarray], low: float, high: float, shown: str) -> Scale:
    if 0 <= low <= high <= 1:
        return Scale(255, f"{shown} is read as 0 (black) to 1 (white)")
    if -1 <= low <= high <= 1:
        raise UserError(
            f"{shown} has no known range; if -1 is black and 1 is white, give (images + 1) / 2"
        )
    if low < 0 or high > 255:
        raise UserError(f"{shown} cannot be read as pixels: 0 to 1 or 0 to 255 is needed")
    whole = all((block == np.round(block)).all() for block in _finite_blocks(arrays))
    if not whole:
        raise UserError(
            f"{shown} has parts of whole numbers; if 255 is white, give images.round()"
            '.astype("uint8")'
        )
    return Scale(1, f"{shown} is read as 0 (black) to 255 (white)")


def to_bytes(images: np.ndarray, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Bring images to 8 bits.

    Args:
      images: `[n, height, width, channels]`.
      scale: of `scale_of`.

    Returns:
      uint8 `[n, height, width, channels]`, and bool `[n]`: whether all of an image is finite.
    """
    finite = np.ones(len(images), np.bool_)
    if images.dtype == np.uint8 and scale.factor == 1:
        return images, finite
    pixels = np.empty(images.shape, np.uint8)
    for rows in _blocks(images):
        block = images[rows]
        if block.dtype.kind == "f":
            finite[rows] = np.isfinite(block).all(axis=(1, 2, 3))
            block = np.nan_to_num(block, nan=0, posinf=0, neginf=0)
        pixels[rows] = block if scale.factor == 1 else np.round(block * scale.factor)
    return pixels, finite


def _range(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    extremes = [value for block in _finite_blocks(arrays) for value in (block.min(), block.max())]
    return (float(min(extremes)), float(max(extremes))) if extremes else (0.0, 0.0)


def _finite_blocks(arrays: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Give all finite numbers, some at a time."""
    for array in arrays:
        for rows in _blocks(array):
            block = array[rows]
            if block.dtype.kind == "f":
                block = block[np.isfinite(block)]
            if block.size:
                yield block


def _blocks(images: np.ndarray) -> Iterator[slice]:
    step = max(1, AT_A_TIME // max(1, images[0].nbytes))
    return (slice(start, start + step) for start in range(0, len(images), step))
