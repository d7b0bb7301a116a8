"""Images of any size and mode brought to one size and one number of channels, by a stated rule.

Size: images of one size that the networks can hold stay as they are. Others, or all where `--size`
is given, become squares: the largest square in the middle of each is resized (bicubic,
antialiased). The side is `--size`, or the largest power of two that is at most the median of their
shorter sides, from 8 to 128.

Channels: grey where every image is, colour where any is, or what `--channels` says.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ganjax.config import LARGEST_SIDE, SMALLEST_SIDE, Reading
from ganjax.data.decode import Header, crop_and_resize


class Shape(NamedTuple):
    """What all images become.

    Attributes:
      height: in pixels.
      width: in pixels.
      channels: 1 or 3.
      side: to which the middle of every image is resized; None where all are left as they are.
    """

    height: int
    width: int
    channels: int
    side: int | None


def choose(headers: Iterable[Header], reading: Reading) -> Shape:
    """Choose what images become, by the rule of this module.

    Args:
      headers: of all images; at least one.
      reading: what was asked for.
    """
    headers = list(headers)
    sizes = {(header.height, header.width) for header in headers}
    channels = reading.channels or (1 if all(header.grey for header in headers) else 3)
    side = reading.size
    if len(sizes) == 1:
        ((height, width),) = sizes
        if side in (None, height) and max(height, width) <= LARGEST_SIDE and side in (None, width):
            return Shape(height, width, channels, None)
    if side is None:
        shorter = float(np.median([min(header.width, header.height) for header in headers]))
        side = 2 ** int(np.log2(np.clip(shorter, SMALLEST_SIDE, LARGEST_SIDE)))
    return Shape(side, side, channels, side)


def notes(headers: Sequence[Header], shape: Shape) -> tuple[str, ...]:
    """Say in words what a person should know of what happens to the images, a line each."""
    lines = []
    if shape.side is not None:
        count = len({(header.width, header.height) for header in headers})
        by_area = sorted(headers, key=lambda header: (header.width * header.height, header))
        first, last = by_area[0], by_area[-1]
        sizes = (
            f"of {first.width}x{first.height} pixels"
            if count == 1
            else f"of {count:,} sizes, {first.width}x{first.height} to {last.width}x{last.height},"
        )
        lines.append(
            f"images {sizes} are cropped to the square in their middle and resized to "
            f"{shape.side}x{shape.side} (--size)"
        )
    grey = sum(header.grey for header in headers)
    if shape.channels == 3 and grey:
        lines.append(
            f"{grey:,} of {len(headers):,} images are grey; all are read as colour "
            "(--channels 1 for grey)"
        )
    if shape.channels == 1 and grey < len(headers):
        lines.append(f"{len(headers) - grey:,} colour images are read as grey, as asked")
    deep = sum(header.mode.startswith("I") for header in headers)
    if deep:
        lines.append(f"{deep:,} images of 16 bits a channel are read as 8 bits")
    return tuple(lines)


def fit(pixels: np.ndarray, shape: Shape) -> np.ndarray:
    """Bring one decoded image to a shape.

    Args:
      pixels: uint8 `[height, width, channels]`.
      shape: of `choose`.

    Returns:
      uint8 `[height, width, channels]`, as `ganjax.data.decode.decode` would have made it.
    """
    from PIL import Image

    own = pixels.shape[-1]
    if shape.side is None and own == shape.channels:
        return pixels
    image = Image.fromarray(pixels[..., 0] if own == 1 else pixels)
    if shape.side is not None:
        image = crop_and_resize(image, shape.side)
    fitted = np.asarray(image.convert("L" if shape.channels == 1 else "RGB"))
    return fitted[..., None] if shape.channels == 1 else fitted


def headers_of(images: np.ndarray) -> list[Header]:
    """Return what headers of decoded images uint8 `[n, height, width, channels]` would say."""
    count, height, width, channels = images.shape
    return [Header(width, height, "L" if channels == 1 else "RGB")] * count


def fit_all(images: np.ndarray, shape: Shape) -> np.ndarray:
    """Bring decoded images to a shape: uint8 `[n, height, width, channels]`, as of `fit`.

    Images that have it are returned as they are.
    """
    if images.shape[1:] == shape[:3] or not len(images):
        return images
    return np.stack([fit(image, shape) for image in images])
