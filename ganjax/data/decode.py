"""One encoded image to one array, or a clear reason why not.

What comes in: grey, colour, palettes, transparency, 16 bits, CMYK, pictures that a camera turned,
and animations. What goes out is uint8, grey or colour:

- transparent pixels are laid on white, as a browser shows them;
- 16 bits are divided by 257, so that black stays black and white stays white;
- an image is turned upright by its EXIF tag; of an animation the first frame counts.
"""

import logging
import math
import re
import struct
import threading
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from ganjax.data import costly

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Those that are read, whatever a file's suffix says; others may start programs (EPS)."""

BEGINNINGS = (
    ("PNG", b"\x89PNG\r\n"),
    ("JPEG", b"\xff\xd8\xff"),
    ("GIF", b"GIF8"),
    ("TIFF", (b"II*\0", b"MM\0*")),
)

GREY_MODES = ("1", "L", "LA", "La", "I")
MOST_BYTES = 100_000_000
"""Of a file: each thread holds one."""

MOST_PIXELS = 64_000_000
MOST_EXIF_BYTES = 1_000_000

LARGE = 4_000_000
"""Pixels above which images are decoded one at a time, so that threads cannot add up."""

ORIENTATION = 0x0112

logging.getLogger("PIL").addHandler(logging.NullHandler())
"""What Pillow has to say of a file is part of the reason; else it is printed too."""

_one_large_at_a_time = threading.Lock()


class Unreadable(ValueError):
    """An image that cannot be used; the message is a reason that names no file."""


class Header(NamedTuple):
    """What an image says of itself: width and height in pixels as it is seen, and its mode.

    The mode is Pillow's: "L" is 8 bits grey, "I;16" 16 bits grey, "RGB", "P" a palette, ...
    """

    width: int
    height: int
    mode: str

    @property
    def grey(self) -> bool:
        """Whether the image has no colour by its mode, whatever its pixels are."""
        return self.mode.startswith("I;16") or self.mode in GREY_MODES


def read_header(content: bytes) -> Header:
    """Read an encoded image's header, and decode nothing.

    Raises:
      Unreadable: it is no image, or one that is too large.
    """
    try:
        with _opened(content) as image:
            return _header(image)
    except Exception as error:
        raise _reason(error, content) from None


def decode(content: bytes, *, channels: int | None = None, size: int | None = None) -> np.ndarray:
    """Decode an image.

    Args:
      content: the encoded bytes.
      channels: 1 (grey) or 3 (colour); None for what the image has.
      size: side in pixels to which the largest square in its middle is resized; None for as it is.

    Returns:
      uint8 `[height, width, channels]`.

    Raises:
      Unreadable: it is broken, no image, or enormous.
    """
    try:
        with _opened(content) as image:
            header = _header(image)
            large = header.width * header.height > LARGE
            with _one_large_at_a_time if large else nullcontext():
                return _pixels(image, header, channels or (1 if header.grey else 3), size)
    # Pillow's readers fail as their formats do: ValueError, OSError, SyntaxError, struct.error,
    # IndexError, MemoryError, ...; whatever it was, this file is no image
    except Exception as error:
        raise _reason(error, content) from None


def crop_and_resize(image: Any, size: int) -> Any:
    """Resize the largest square in the middle of a Pillow image to `size` pixels a side."""
    from PIL import Image

    side = min(image.size)
    left, top = ((whole - side) / 2 for whole in image.size)
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def _opened(content: bytes) -> Any:
    from PIL import Image

    if not content:
        raise Unreadable("is empty (0 bytes)")
    costly.check_content(content)
    return Image.open(costly.Content(content), formats=FORMATS)


def _header(image: Any) -> Header:
    width, height = image.size
    if not width or not height:
        raise Unreadable(f"has {width}x{height} pixels")
    if width * height > MOST_PIXELS:
        raise Unreadable(f"has {width}x{height} pixels, more than {MOST_PIXELS:,}")
    if image.mode == "F":
        raise Unreadable("has pixels of floating point, whose range is not known")
    costly.check_opened(image)
    if _orientation(image) >= 5:  # turned by a quarter
        width, height = height, width
    return Header(width, height, image.mode)


def _orientation(image: Any) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where it is missing or corrupt."""
    if image.format == "TIFF":  # which Pillow turns itself
        return 1
    if not 0 < len(image.info.get("exif", b"")) <= MOST_EXIF_BYTES:
        return 1
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a corrupt tag is no reason to lose the picture
        return 1
    return found if found in range(1, 9) else 1


def _pixels(image: Any, header: Header, channels: int, size: int | None) -> np.ndarray:
    from PIL import Image

    if size is not None and image.format in ("JPEG", "MPO"):
        scale = min(image.size) / size
        image.draft(None, tuple(math.ceil(side / max(scale / 2, 1)) for side in image.size))
    image.load()
    orientation = _orientation(image)  # a PNG may tell it after its pixels
    if header.mode.startswith("I"):
        image = Image.fromarray(_eight_bits(image))
    elif image.has_transparency_data or image.mode == "La":
        image = _in_mode(image, "RGBA")
    elif image.mode not in ("L", "RGB"):
        image = _in_mode(image, "L" if header.grey else "RGB")
    if size is not None:
        image = crop_and_resize(image, size)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    upright = _upright(pixels, orientation)
    return np.ascontiguousarray(upright[..., None] if channels == 1 else upright)


def _eight_bits(image: Any) -> np.ndarray:
    """Return 16 bits of grey as uint8 `[height, width]`; some rows at a time, to take no memory."""
    width, height = image.size
    found = np.empty((height, width), np.uint8)
    ends: list[int] = []
    rows = max(1, LARGE // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        deep = np.asarray(image.crop((0, top, width, bottom))).astype(np.int32)
        ends += [int(deep.min()), int(deep.max())]
        found[top:bottom] = (deep + 128) // 257  # rounded: 257 is odd, so nothing lies in between
    low, high = min(ends), max(ends)
    if low < 0 or high > 65535:
        raise Unreadable(f"has pixels from {low} to {high}; 0 to 65535 is the most that is read")
    return found


def _in_mode(image: Any, mode: str) -> Any:
    """Convert a Pillow image, and let go of it as it was."""
    if image.mode == mode:
        return image
    converted = image.convert(mode)
    image.close()
    return converted


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo what EXIF says a camera did, for pixels `[height, width, ...]`."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _reason(error: Exception, content: bytes) -> Unreadable:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Unreadable):
        return error
    if isinstance(error, costly.Costly):
        return Unreadable(str(error))
    if isinstance(error, Image.DecompressionBombError):
        return Unreadable(f"has more than {MOST_PIXELS:,} pixels")
    if isinstance(error, UnidentifiedImageError):
        for form, begin in BEGINNINGS:
            if content.startswith(begin):
                return Unreadable(f"begins as a {form}, but its header is cut off or damaged")
        return Unreadable(f"is no image in a format that is read ({', '.join(FORMATS)})")
    if isinstance(error, struct.error):
        return Unreadable("cannot be read as an image (it ends too early)")
    words = re.sub(r"\s+", " ", str(error)).strip()[:100] or type(error).__name__
    return Unreadable(f"cannot be read as an image ({words})")
