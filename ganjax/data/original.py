"""One image file with all of it that a better version of it keeps, and the PNG that this becomes.

    mode of the file                         of the PNG
    1, L, I (16 bits grey)                   L: 16 bits become 8
    LA, L with a transparent level           LA
    RGB, CMYK, YCbCr, LAB, P (a palette)     RGB
    RGBA, P or RGB with transparency         RGBA

Unlike in `ganjax.data.decode`, transparency is kept: pixels are as they lie below it. EXIF
orientation is applied, so the PNG has the height and width that the image is seen with; other EXIF
tags are not kept. A colour profile is, where the mode is still the one that it speaks of.
"""

import hashlib
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ganjax.data.decode import (
    Header,
    Unreadable,
    _header,
    _in_mode,
    _opened,
    _orientation,
    _reason,
    _upright,
    decode,
    read_header,
)
from ganjax.data.decoded import _attempt, _each
from ganjax.data.listing import Entry

MOST_PROFILE_BYTES = 4_000_000
PROFILED = {"1": "L", "L": "L", "LA": "L", "RGB": "RGB", "RGBA": "RGB", "P": "RGB"}
"""Modes whose colour profile still holds when they have become grey or colour."""


class Look(NamedTuple):
    """What is known of a file before it is decoded: its header, and the SHA-256 of its bytes."""

    header: Header
    sha256: str


class Original(NamedTuple):
    """A decoded image.

    Attributes:
      pixels: uint8 `[height, width, 1 or 3]`.
      alpha: uint8 `[height, width]`, 0 where nothing is seen; None where all is.
      profile: its ICC colour profile, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None

    @property
    def mode(self) -> str:
        """The mode of its PNG: L, LA, RGB or RGBA."""
        return ("L" if self.pixels.shape[-1] == 1 else "RGB") + "A" * (self.alpha is not None)


def look(
    entries: Sequence[Entry], tell: Callable[[int, int], None] = lambda done, total: None
) -> list[Look | Unreadable]:
    """Look at files, or say why they cannot be used; nothing is decoded.

    Args:
      entries: the files.
      tell: told how many are done, of how many.
    """

    def own(content: bytes) -> Look:
        return Look(read_header(content), hashlib.sha256(content).hexdigest())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of corrupt tags
        return list(_each(entries, lambda entry: _attempt(entry, own), tell))


def read_original(entry: Entry) -> Original | Unreadable:
    """Read and decode a file as of `decode_original`, or say why it cannot be used."""
    return _attempt(entry, decode_original)


def decode_original(content: bytes) -> Original:
    """Decode an image with its transparency and its colour profile.

    Raises:
      Unreadable: it is broken, no image, or enormous.
    """
    try:
        with warnings.catch_warnings(), _opened(content) as image:
            warnings.simplefilter("ignore")  # of corrupt tags
            header = _header(image)
            profile = image.info.get("icc_profile") if header.mode in PROFILED else None
            if not profile or not 0 < len(profile) <= MOST_PROFILE_BYTES:
                profile = None
            seen_through = image.has_transparency_data or header.mode == "La"
            if header.mode.startswith("I") or not seen_through:
                return Original(decode(content), None, profile)
            image.load()
            orientation = _orientation(image)
            layers = _upright(np.asarray(_in_mode(image, "RGBA")), orientation)
            colours = layers[..., :1] if header.grey else layers[..., :3]
            alpha = np.ascontiguousarray(layers[..., 3])
            return Original(np.ascontiguousarray(colours), alpha, profile)
    except Exception as error:  # as in `decode`
        raise _reason(error, content) from None


def encode_original(original: Original, words: Mapping[str, str] | None = None) -> bytes:
    """Encode an image as PNG, grey or colour, with transparency where it has any.

    Args:
      original: what to encode.
      words: text chunks of the file, Latin-1.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    layers = original.pixels
    if original.alpha is not None:
        layers = np.concatenate([layers, original.alpha[..., None]], axis=-1)
    text = PngInfo()
    for name, value in (words or {}).items():
        text.add_text(name, value)
    file = io.BytesIO()
    image = Image.fromarray(layers[..., 0] if layers.shape[-1] == 1 else layers)
    image.save(file, "PNG", pnginfo=text, icc_profile=original.profile)
    return file.getvalue()
