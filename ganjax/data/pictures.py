"""Images that a network is to see: each is brought to what it takes by itself.

What an image becomes does not depend on which others lie beside it: a classifier's images are
brought to its size (`Frame`), a restorer's keep their own (`Natural`).
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ganjax.data import fit
from ganjax.data.decode import Header, Unreadable, decode, read_header
from ganjax.data.decoded import MOST_THREADS, _attempt, decode_entry
from ganjax.data.listing import UNLABELLED, Bad, Entry
from ganjax.data.loader import SMALLEST, pad_to_power_of_two
from ganjax.environment import cores
from ganjax.errors import quoted

Framed = np.ndarray | Unreadable
"""An image uint8 `[height, width, channels]`, or why there is none."""

NOT_FINITE = Unreadable("has pixels that are not finite (NaN, infinity)")
IN_COLOUR = Unreadable("is in colour, and only grey images can be used here")


class Framing(Protocol):
    """What is made of an image: of an encoded one, and of one from an array."""

    def of_entry(self, entry: Entry) -> Framed:
        """Decode an image and bring it to what is wanted."""

    def of_pixels(self, pixels: np.ndarray) -> Framed:
        """Bring an image uint8 `[height, width, channels]` to what is wanted."""


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

    def of_entry(self, entry: Entry) -> Framed:
        """Decode an image: uint8 `[size, size, channels]`."""
        header = _attempt(entry, read_header)
        if isinstance(header, Unreadable):
            return header
        pixels = decode_entry(entry, self.shape(header))
        return pixels if isinstance(pixels, Unreadable) else _padded(pixels)

    def of_pixels(self, pixels: np.ndarray) -> Framed:
        """Bring an image to the frame: uint8 `[size, size, channels]`."""
        (header,) = fit.headers_of(pixels[None])
        return _padded(fit.fit(pixels, self.shape(header)))


class Natural(NamedTuple):
    """Images at their own height and width.

    Attributes:
      channels: 1 or 3; None for what each has by its mode.
      to_grey: whether images in colour are turned grey where grey ones are wanted; otherwise they
        cannot be used, unless red, green and blue are the same everywhere.
    """

    channels: int | None = None
    to_grey: bool = False

    def of_entry(self, entry: Entry) -> Framed:
        """Decode an image: uint8 `[height, width, channels]`, upright."""
        pixels = _attempt(entry, decode)
        return pixels if isinstance(pixels, Unreadable) else self.of_pixels(pixels)

    def of_pixels(self, pixels: np.ndarray) -> Framed:
        """Bring an image to the channels: uint8 `[height, width, channels]`."""
        height, width, own = pixels.shape
        channels = self.channels or own
        if channels < own and not self.to_grey:
            return pixels[..., :1].copy() if without_colour(pixels) else IN_COLOUR
        return fit.fit(pixels, fit.Shape(height, width, channels, None))


def without_colour(pixels: np.ndarray) -> bool:
    """Say whether red, green and blue are the same everywhere in `[height, width, channels]`."""
    return bool((pixels == pixels[..., :1]).all())


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
      entries: the images as they are encoded; none where they come from arrays.
    """

    name: str
    files: Sequence[str]
    labels: np.ndarray
    take: Callable[[int, int], list[Framed]]
    bad: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()
    entries: Sequence[Entry] = ()

    def __len__(self) -> int:
        return len(self.files)


def translated(
    there: Sequence[str], class_names: Sequence[str], source: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a set's classes as the classifier's labels, and in words those that it does not know.

    Args:
      there: the set's classes.
      class_names: the classifier's; none where labels do not matter.
      source: the set's name, for the words.

    Returns:
      int32 `[classes of the set]`, and a line or none.
    """
    label_of = {name: label for label, name in enumerate(class_names)}
    labels = np.array([label_of.get(name, UNLABELLED) for name in there], np.int32)
    other = [quoted(name) for name in there if name not in label_of]
    if not other or not len(class_names):
        return labels, ()
    shown = ", ".join(other[:5]) + (", ..." if len(other) > 5 else "")
    return labels, (f"classes of {quoted(source)} that the classifier does not know: {shown}",)


def take_entries(entries: Sequence[Entry], framing: Framing, start: int, stop: int) -> list[Framed]:
    """Decode the entries from `start` to before `stop`, in threads."""
    with warnings.catch_warnings(), ThreadPoolExecutor(min(cores(), MOST_THREADS)) as pool:
        # Pillow warns of corrupt tags, and of sizes that are refused here anyway
        warnings.simplefilter("ignore")
        return list(pool.map(framing.of_entry, entries[start:stop]))


def take_pixels(
    images: np.ndarray, bad: frozenset[int], framing: Framing, start: int, stop: int
) -> list[Framed]:
    """Bring decoded images from `start` to before `stop` to what is wanted.

    Args:
      images: uint8 `[n, height, width, channels]`.
      bad: rows that were not finite.
      framing: what they become.
      start: the first of them.
      stop: the first that is none of them.
    """
    return [
        NOT_FINITE if row in bad else framing.of_pixels(image)
        for row, image in enumerate(images[start:stop], start)
    ]


def _padded(pixels: np.ndarray) -> np.ndarray:
    return pad_to_power_of_two(pixels[None])[0]
