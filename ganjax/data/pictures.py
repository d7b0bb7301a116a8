"""Images that are to be classified: each is brought to the classifier's size by itself.

What an image becomes does not depend on which others lie beside it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganjax.data import fit
from ganjax.data.decode import Header, Unreadable
from ganjax.data.decoded import MOST_THREADS, decode_entry, read_headers
from ganjax.data.listing import UNLABELLED, Bad, Entry
from ganjax.data.loader import SMALLEST, pad_to_power_of_two
from ganjax.environment import cores
from ganjax.errors import quoted

Framed = np.ndarray | Unreadable
"""An image uint8 `[size, size, channels]`, or why there is none."""

NOT_FINITE = Unreadable("has pixels that are not finite (NaN, infinity)")


class Frame(NamedTuple):
    """What a classifier sees, and how its training images came to be so.

    Attributes:
      size: side in pixels.
      channels: 1 or 3.
      unpadded: height and width of the training images before they were padded with black; None
        where that is not known.
    """

    size: int
    channels: int
    unpadded: tuple[int, int] | None = None

    def shape(self, header: Header) -> fit.Shape:
        """Return what an image becomes before it is padded.

        Of the training images' height and width it stays; any other is cropped to the square in its
        middle and resized. Where these are not known, what padding would bring to the size stays.
        """
        height, width = header.height, header.width
        if self.unpadded is not None:
            stays = (height, width) == self.unpadded
        else:
            longer = max(height, width)
            stays = longer <= self.size and (2 * longer > self.size or self.size == SMALLEST)
        if stays:
            return fit.Shape(height, width, self.channels, None)
        side = max(self.unpadded or (self.size,))
        return fit.Shape(side, side, self.channels, side)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images that are yet to be read.

    Attributes:
      name: of the source.
      files: what each is called: its path in the source, or its place in an array.
      labels: int32 `[n]`, indices into the classifier's classes, or `UNLABELLED`.
      take: reads the images from one row to before another.
      bad: what cannot be read, as far as that is known before.
      notes: what a person should know, a line each.
    """

    name: str
    files: Sequence[str]
    labels: np.ndarray
    take: Callable[[int, int], list[Framed]]
    bad: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)


def translated(
    there: Sequence[str], class_names: Sequence[str], source: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a set's classes as the classifier's labels, and in words those that it does not know.

    Args:
      there: the set's classes.
      class_names: the classifier's.
      source: the set's name, for the words.

    Returns:
      int32 `[classes of the set]`, and a line or none.
    """
    label_of = {name: label for label, name in enumerate(class_names)}
    labels = np.array([label_of.get(name, UNLABELLED) for name in there], np.int32)
    other = [quoted(name) for name in there if name not in label_of]
    if not other:
        return labels, ()
    shown = ", ".join(other[:5]) + (", ..." if len(other) > 5 else "")
    return labels, (f"classes of {quoted(source)} that the classifier does not know: {shown}",)


def decode(entries: Sequence[Entry], frame: Frame, start: int, stop: int) -> list[Framed]:
    """Decode the entries from `start` to before `stop`, in threads."""
    own = entries[start:stop]

    def framed(entry: Entry, header: Header | Unreadable) -> Framed:
        if isinstance(header, Unreadable):
            return header
        pixels = decode_entry(entry, frame.shape(header))
        return pixels if isinstance(pixels, Unreadable) else _padded(pixels)

    with ThreadPoolExecutor(min(cores(), MOST_THREADS)) as pool:
        return list(pool.map(framed, own, read_headers(own)))


def fit_to_frame(
    images: np.ndarray, bad: frozenset[int], frame: Frame, start: int, stop: int
) -> list[Framed]:
    """Bring decoded images from `start` to before `stop` to the frame.

    Args:
      images: uint8 `[n, height, width, channels]`.
      bad: rows that were not finite.
      frame: what they become.
      start: the first of them.
      stop: the first that is none of them.
    """
    own = images[start:stop]
    shapes = map(frame.shape, fit.headers_of(own))
    return [
        NOT_FINITE if row in bad else _padded(fit.fit(image, shape))
        for row, (image, shape) in enumerate(zip(own, shapes, strict=True), start)
    ]


def _padded(pixels: np.ndarray) -> np.ndarray:
    return pad_to_power_of_two(pixels[None])[0]
